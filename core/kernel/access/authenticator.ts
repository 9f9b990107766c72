import { timingSafeEqual } from 'node:crypto';
import { type Clock, every, monotonicMs } from '../clock.ts';
import type { Sql } from '../db/database.ts';
import { ok, type Result, refuse } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Authenticator, Principal } from './principal.ts';
import { hashSecret, parseToken, roleOf } from './tokens.ts';

/** Below the promised 2 s by the time that one look-up may take. */
const CACHE_MS = 1_500;
const CACHE_MAX = 10_000;
const WATCH_MS = 1_500;

interface Entry {
  readonly readMs: number;
  /** `undefined`: no such token. Unknown ids are remembered too, or guessing them would cost a query each time. */
  readonly known: { readonly principal: Principal; readonly hash: Buffer; readonly revoked: boolean } | undefined;
}

interface Row {
  id: string;
  name: string;
  role: string;
  hash: string;
  issued_by: string;
  expires_at: Date;
  revoked_at: Date | null;
}

export interface TokenAuthenticatorDeps {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Checks bearer tokens against `core.token`. What was read is used for at most 1.5 s, so a revocation bites within 2 s on
 * every process without any message; look-ups of one token at a time are one query.
 */
export class TokenAuthenticator implements Authenticator, Disposable {
  readonly #deps: TokenAuthenticatorDeps;
  readonly #entries = new Map<string, Entry>();
  readonly #loading = new Map<string, Promise<Entry>>();
  readonly #watched = new Map<string, { principal: Principal; onEnd: Set<() => void> }>();
  readonly #stop = new AbortController();
  #watching = false;

  constructor(deps: TokenAuthenticatorDeps) {
    this.#deps = deps;
  }

  /** Refuses: `unauthenticated`, with the same words for a forged, an unknown, a revoked and an expired token. */
  async authenticate(header: string | undefined): Promise<Result<Principal>> {
    if (header === undefined) return refuse('unauthenticated', 'Send `Authorization: Bearer <token>`.');
    const text = /^Bearer +(\S{1,256})$/i.exec(header)?.[1];
    const token = text === undefined ? undefined : parseToken(text);
    if (token === undefined) return NO_GOOD;
    const { known } = await this.#read(token.id);
    if (known === undefined) return NO_GOOD;
    const given = Buffer.from(hashSecret(token.secret), 'hex');
    if (!timingSafeEqual(given, known.hash)) return NO_GOOD;
    if (known.revoked || known.principal.expiresAt <= this.#deps.clock.now()) return NO_GOOD;
    return ok(known.principal);
  }

  /** Calls `onEnd` once, within 2 s of the token's end. One query serves all watchers of a process. */
  watch(principal: Principal, onEnd: () => void): Disposable {
    let watched = this.#watched.get(principal.tokenId);
    if (watched === undefined) {
      watched = { principal, onEnd: new Set() };
      this.#watched.set(principal.tokenId, watched);
    }
    watched.onEnd.add(onEnd);
    if (!this.#watching) {
      this.#watching = true;
      every(WATCH_MS, this.#stop.signal, () => this.#endDead());
    }
    const { onEnd: waiting } = watched;
    return {
      [Symbol.dispose]: () => {
        waiting.delete(onEnd);
        if (waiting.size === 0 && this.#watched.get(principal.tokenId)?.onEnd === waiting) {
          this.#watched.delete(principal.tokenId);
        }
      },
    };
  }

  async #endDead(): Promise<void> {
    if (this.#watched.size === 0) return;
    const now = this.#deps.clock.now();
    try {
      const alive = await this.#deps.sql.query<{ id: string }>({
        name: 'access.alive',
        text: 'SELECT id FROM core.token WHERE id = ANY($1::text[]) AND revoked_at IS NULL AND expires_at > $2',
        values: [[...this.#watched.keys()], now],
      });
      const living = new Set(alive.map(({ id }) => id));
      for (const [id, { onEnd }] of [...this.#watched]) {
        if (living.has(id)) continue;
        this.#watched.delete(id);
        for (const end of onEnd) end();
      }
    } catch (error) {
      // A stream outlives a database that is away: what it carries is needed most just then.
      this.#deps.log.warn({ err: error }, 'could not look whether the tokens of open streams still hold');
    }
  }

  async #read(id: string): Promise<Entry> {
    const entry = this.#entries.get(id);
    if (entry !== undefined && monotonicMs() - entry.readMs < CACHE_MS) return entry;
    let loading = this.#loading.get(id);
    if (loading === undefined) {
      loading = this.#load(id).finally(() => this.#loading.delete(id));
      this.#loading.set(id, loading);
    }
    return loading;
  }

  async #load(id: string): Promise<Entry> {
    // The age counts from before the query: a revocation committed while it ran must not be hidden longer than promised.
    const readMs = monotonicMs();
    const rows = await this.#deps.sql.query<Row>({
      name: 'access.token',
      text: 'SELECT id, name, role, hash, issued_by, expires_at, revoked_at FROM core.token WHERE id = $1',
      values: [id],
    });
    const entry: Entry = { readMs, known: rows[0] === undefined ? undefined : knownOf(rows[0]) };
    // Deleting first moves the entry to the end of the map, so that the first key is always the one read longest ago.
    this.#entries.delete(id);
    this.#entries.set(id, entry);
    if (this.#entries.size > CACHE_MAX) {
      const oldest = this.#entries.keys().next();
      if (oldest.done !== true) this.#entries.delete(oldest.value);
    }
    return entry;
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
    this.#watched.clear();
    this.#entries.clear();
  }
}

const NO_GOOD = refuse('unauthenticated', 'The token is not one of ours, or it has expired or was revoked.');

function knownOf(row: Row): NonNullable<Entry['known']> {
  return {
    principal: {
      tokenId: row.id,
      name: row.name,
      role: roleOf(row.role),
      issuedBy: row.issued_by,
      expiresAt: row.expires_at,
    },
    hash: Buffer.from(row.hash, 'hex'),
    revoked: row.revoked_at !== null,
  };
}
