import { hash } from 'node:crypto';
import { addMs, type Clock } from '../clock.ts';
import type { Sql } from '../db/database.ts';
import { ok, type Refusal, type Result, refuse } from '../errors.ts';
import { type Random, systemRandom } from '../random.ts';
import { isRole, type Role } from './roles.ts';

/** A token as lists show it: everything but the secret. */
export interface TokenView {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly issuedBy: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly revokedAt: Date | null;
  readonly revokedBy: string | null;
}

export interface NewToken {
  /** The person or machine; four eyes compare names, so one person has one name. */
  readonly name: string;
  readonly role: Role;
  /** The name of who issues it. */
  readonly issuedBy: string;
  /** Milliseconds until it expires; at most `MAX_TTL_MS`. */
  readonly ttlMs: number;
}

export interface TokenDeps {
  readonly clock: Clock;
  readonly random?: Random;
}

export const DEFAULT_TTL_MS = 90 * 24 * 3_600_000;
export const MAX_TTL_MS = 366 * 24 * 3_600_000;
const MIN_TTL_MS = 60_000;

const SECRET_BYTES = 32;
const TOKEN = /^tg_([0-9a-z]{16})_([A-Za-z0-9_-]{43})$/;
const ID_ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** Splits `tg_<id>_<secret>`; `undefined` when it is not of that form, which costs no look-up. */
export function parseToken(text: string): { id: string; secret: string } | undefined {
  const match = TOKEN.exec(text);
  if (match === null) return undefined;
  const [, id, secret] = match;
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

/** What is stored of a secret: SHA-256, 64 hex digits. */
export function hashSecret(secret: string): string {
  return hash('sha256', secret, 'hex');
}

/**
 * Makes a token and stores its hash. The token itself is in the answer and nowhere else.
 *
 * Refuses: `invalid_request` when the name or the time to live is out of bounds.
 */
export async function createToken(
  sql: Sql,
  { clock, random = systemRandom }: TokenDeps,
  { name, role, issuedBy, ttlMs }: NewToken,
): Promise<Result<{ token: string; view: TokenView }>> {
  if (!/^[\p{L}\p{N}][\p{L}\p{N} ._@-]{0,99}$/u.test(name)) {
    return refuse('invalid_request', 'A token names a person or a machine in 1 to 100 letters, digits and ._@-.');
  }
  if (!Number.isSafeInteger(ttlMs) || ttlMs < MIN_TTL_MS || ttlMs > MAX_TTL_MS) {
    return refuse('invalid_request', 'A token lives between one minute and 366 days.');
  }
  const id = Array.from(random.bytes(16), (byte) => ID_ALPHABET[byte & 31]).join('');
  const secret = Buffer.from(random.bytes(SECRET_BYTES)).toString('base64url');
  const createdAt = clock.now();
  const expiresAt = addMs(createdAt, ttlMs);
  await sql.query({
    text: `INSERT INTO core.token (id, name, role, hash, issued_by, created_at, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    values: [id, name, role, hashSecret(secret), issuedBy, createdAt, expiresAt],
  });
  const view: TokenView = { id, name, role, issuedBy, createdAt, expiresAt, revokedAt: null, revokedBy: null };
  return ok({ token: `tg_${id}_${secret}`, view });
}

/**
 * Revokes a token; it stops working within 2 s everywhere. Revoking it again changes nothing.
 *
 * Refuses: `token_unknown`.
 */
export async function revokeToken(
  sql: Sql,
  { clock }: TokenDeps,
  id: string,
  revokedBy: string,
): Promise<Result<TokenView>> {
  const rows = await sql.query<TokenRow>({
    text: `UPDATE core.token SET revoked_at = coalesce(revoked_at, $2), revoked_by = coalesce(revoked_by, $3)
           WHERE id = $1 RETURNING ${COLUMNS}`,
    values: [id, clock.now(), revokedBy],
  });
  const row = rows[0];
  return row === undefined ? unknownToken(id) : ok(viewOf(row));
}

function unknownToken(id: string): Refusal {
  return refuse('token_unknown', `No token has the id ${id.slice(0, 40)}.`);
}

/** Tokens from the newest to the oldest, after `after` (the last of the page before). */
export async function listTokens(
  sql: Sql,
  { limit, after }: { limit: number; after?: { createdAt: Date; id: string } | undefined },
): Promise<TokenView[]> {
  const rows = await sql.query<TokenRow>({
    text: `SELECT ${COLUMNS} FROM core.token
           WHERE $2::timestamptz IS NULL OR (created_at, id) < ($2, $3)
           ORDER BY created_at DESC, id DESC LIMIT $1`,
    values: [limit, after?.createdAt ?? null, after?.id ?? null],
  });
  return rows.map(viewOf);
}

const COLUMNS = 'id, name, role, issued_by, created_at, expires_at, revoked_at, revoked_by';

interface TokenRow {
  id: string;
  name: string;
  role: string;
  issued_by: string;
  created_at: Date;
  expires_at: Date;
  revoked_at: Date | null;
  revoked_by: string | null;
}

function viewOf(row: TokenRow): TokenView {
  return {
    id: row.id,
    name: row.name,
    role: roleOf(row.role),
    issuedBy: row.issued_by,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    revokedBy: row.revoked_by,
  };
}

/** A CHECK keeps the column to the roles; another value is a broken invariant. */
export function roleOf(text: string): Role {
  if (!isRole(text)) throw new Error(`broken invariant: core.token holds the role ${text}`);
  return text;
}
