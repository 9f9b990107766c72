import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TokenAuthenticator } from '../../core/kernel/access/authenticator.ts';
import type { Role } from '../../core/kernel/access/roles.ts';
import { createToken, MAX_TTL_MS } from '../../core/kernel/access/tokens.ts';
import { addMs, type Clock } from '../../core/kernel/clock.ts';
import type { Database, Sql } from '../../core/kernel/db/database.ts';
import { RefusalError } from '../../core/kernel/errors.ts';
import type { Logger } from '../../core/kernel/log.ts';
import { systemRandom } from '../../core/kernel/random.ts';

/** One token each for a start; further ones are issued over HTTP. */
export const STARTING_ROLES = ['admin', 'approver', 'operator', 'viewer', 'shop', 'merchant'] as const;

/** Who issued the tokens of `npm start`: nobody's name, so that four eyes are not closed by it. */
export const ISSUER = 'npm start';

const DAY_MS = 24 * 3_600_000;
/** A token that ends sooner is made anew at the start. */
const RENEW_MS = 7 * DAY_MS;

export interface TokenDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What became of `tokens.json`. */
export interface StartingTokens {
  readonly file: string;
  /** The roles whose token was made now; the others were kept. */
  readonly made: readonly string[];
}

/**
 * Keeps `tokens.json` in the data folder (mode 0600): one token a role. Those that the database does not know, because it
 * is another one, or that end soon, are made anew.
 */
export async function keepTokens(deps: TokenDeps, dataDir: string): Promise<StartingTokens> {
  const file = join(dataDir, 'tokens.json');
  const kept = await readTokens(file);
  using auth = new TokenAuthenticator({ sql: deps.db, clock: deps.clock, log: deps.log });
  const soon = addMs(deps.clock.now(), RENEW_MS);
  const tokens: Record<string, string> = {};
  const made: string[] = [];
  for (const role of STARTING_ROLES) {
    const old = kept[role];
    const who = old === undefined ? undefined : await auth.authenticate(`Bearer ${old}`);
    if (old !== undefined && who?.ok === true && who.value.role === role && who.value.expiresAt > soon) {
      tokens[role] = old;
      continue;
    }
    tokens[role] = await issue(deps, deps.db, role, role);
    made.push(role);
  }
  if (made.length > 0) {
    const aside = `${file}.${process.pid}.new`;
    await writeFile(aside, `${JSON.stringify(tokens, null, 2)}\n`, { mode: 0o600 });
    await rename(aside, file);
  }
  return { file, made };
}

/** A new token for each instance; those of earlier starts end, because nobody holds them any more. */
export async function issueInstanceTokens<Name extends string>(
  deps: TokenDeps,
  names: readonly Name[],
): Promise<Record<Name, string>> {
  return deps.db.tx(async (tx) => {
    await tx.query({
      text: `UPDATE core.token SET revoked_at = $1, revoked_by = $2
             WHERE role = 'instance' AND issued_by = $2 AND name = ANY($3) AND revoked_at IS NULL`,
      values: [deps.clock.now(), ISSUER, names],
    });
    const issued = {} as Record<Name, string>;
    for (const name of names) issued[name] = await issue(deps, tx, 'instance', name);
    return issued;
  });
}

async function issue({ clock }: TokenDeps, sql: Sql, role: Role, name: string): Promise<string> {
  const made = await createToken(sql, { clock }, { name, role, issuedBy: ISSUER, ttlMs: MAX_TTL_MS });
  if (!made.ok) throw new RefusalError(made);
  return made.value.token;
}

async function readTokens(file: string): Promise<Readonly<Record<string, string>>> {
  try {
    const parsed: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (typeof parsed !== 'object' || parsed === null) return {};
    return Object.fromEntries(Object.entries(parsed).filter(([, token]) => typeof token === 'string'));
  } catch {
    // Missing or torn: every token is made anew.
    return {};
  }
}

/** The secret that channels sign their callbacks with; kept, because callbacks of the last run may still come. */
export async function keepWebhookSecret(dataDir: string): Promise<string> {
  const file = join(dataDir, 'webhook-secret');
  const kept = (await readFile(file, 'utf8').catch(() => '')).trim();
  if (/^whsec_[A-Za-z0-9+/]{43}=$/.test(kept)) return kept;
  const secret = `whsec_${Buffer.from(systemRandom.bytes(32)).toString('base64')}`;
  const aside = `${file}.${process.pid}.new`;
  await writeFile(aside, `${secret}\n`, { mode: 0o600 });
  await rename(aside, file);
  return secret;
}
