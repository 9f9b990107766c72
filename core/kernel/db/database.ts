import pg from 'pg';
import { sleep } from '../clock.ts';
import type { Logger } from '../log.ts';
import { systemRandom } from '../random.ts';

/** A statement: text with `$1…` and values. `name` prepares it once per connection. */
export interface Query {
  readonly text: string;
  readonly values?: readonly unknown[];
  readonly name?: string;
}

/** A place SQL can run: the pool, or one transaction. Values always travel as parameters. */
export interface Sql {
  query<Row extends object = Record<string, unknown>>(query: Query): Promise<Row[]>;
}

export interface Tx extends Sql {
  /** Runs once the transaction is committed; never when it rolled back. */
  afterCommit(fn: () => void): void;
}

export interface TxOptions {
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable';
  readonly readOnly?: boolean;
  readonly signal?: AbortSignal;
}

export interface Database extends Sql, AsyncDisposable {
  readonly pool: pg.Pool;
  tx<T>(fn: (tx: Tx) => Promise<T>, options?: TxOptions): Promise<T>;
}

/** The server does not answer, or dropped the connection before a commit was under way: nothing was written. */
export class DatabaseUnavailable extends Error {
  constructor(message: string, cause: unknown) {
    super(message, { cause });
    this.name = 'DatabaseUnavailable';
  }
}

/** The connection died during COMMIT: the transaction may stand or not. Never retried blindly. */
export class CommitUnknown extends Error {
  constructor(cause: unknown) {
    super('the connection died while the transaction was being committed: it may stand or not', { cause });
    this.name = 'CommitUnknown';
  }
}

export interface OpenOptions {
  readonly url: string;
  readonly poolSize: number;
  readonly applicationName: string;
  readonly log: Logger;
  readonly statementTimeoutMs?: number;
}

const POOL_WAIT_MS = 5_000;
const TX_TRIES = 5;

/** Conflicts that the server resolved by ending one of the two: what the loser wrote is undone, so it may try again. */
const RETRY_CODES = new Set(['40001', '40P01']);
/** The server is starting, stopping, or out of connections. */
const DOWN_CODES = new Set(['57P01', '57P02', '57P03', '53300', '08000', '08003', '08006', '08001', '08004']);
const DOWN_ERRNO = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EHOSTUNREACH', 'ENOENT']);

const types = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') => {
    if (oid === pg.types.builtins.INT8 && format !== 'binary') return parseInt8;
    return pg.types.getTypeParser(oid, format);
  }) as typeof pg.types.getTypeParser,
};

/** A 64-bit integer that must fit a JavaScript number exactly; one that does not is a bug that must not be rounded. */
function parseInt8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new Error(`broken invariant: ${text} does not fit a safe integer`);
  return value;
}

/**
 * Opens a pool. Waiting for a free connection is bounded, and so is every statement (`statementTimeoutMs`, default 30 s).
 * Throws `DatabaseUnavailable` when the server does not answer now.
 */
export async function openDatabase(options: OpenOptions): Promise<Database> {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.poolSize,
    application_name: options.applicationName,
    connectionTimeoutMillis: POOL_WAIT_MS,
    statement_timeout: options.statementTimeoutMs ?? 30_000,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    pipeline: true,
    types,
  });
  // An idle connection that dies is replaced by the pool; without a listener its error would end the process.
  pool.on('error', (error) => options.log.warn({ err: error }, 'an idle database connection was lost'));
  const database = new PoolDatabase(pool);
  try {
    await database.query({ text: 'SELECT 1' });
  } catch (error) {
    await pool.end();
    throw error;
  }
  return database;
}

class PoolDatabase implements Database {
  readonly pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.pool = pool;
  }

  async query<Row extends object = Record<string, unknown>>(query: Query): Promise<Row[]> {
    try {
      const result = await this.pool.query<Row>(toConfig(query));
      return result.rows;
    } catch (error) {
      throw asUnavailable(error);
    }
  }

  async tx<T>(fn: (tx: Tx) => Promise<T>, options: TxOptions = {}): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      options.signal?.throwIfAborted();
      try {
        return await this.#once(fn, options);
      } catch (error) {
        if (attempt >= TX_TRIES || !RETRY_CODES.has(codeOf(error))) throw error;
        await sleep(systemRandom.int(10 * 2 ** attempt), options.signal ?? NEVER);
      }
    }
  }

  async #once<T>(fn: (tx: Tx) => Promise<T>, options: TxOptions): Promise<T> {
    const client = await this.#connect();
    const tx = new ClientTx(client);
    let broken = false;
    const onError = (): void => {
      broken = true;
    };
    client.on('error', onError);
    let committing = false;
    try {
      await client.query(begin(options));
      const value = await fn(tx);
      committing = true;
      const done = await client.query('COMMIT');
      // A transaction that failed inside and was not noticed ends in ROLLBACK, and says so only here.
      if (done.command !== 'COMMIT') throw new Error('broken invariant: the transaction had failed before its commit');
      tx.committed();
      return value;
    } catch (error) {
      const lost = broken || isDown(error);
      if (lost) {
        broken = true;
        throw committing ? new CommitUnknown(error) : asUnavailable(error);
      }
      await client.query('ROLLBACK').catch(() => {
        broken = true;
      });
      throw error;
    } finally {
      client.off('error', onError);
      client.release(broken);
    }
  }

  async #connect(): Promise<pg.PoolClient> {
    try {
      return await this.pool.connect();
    } catch (error) {
      throw asUnavailable(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pool.end();
  }
}

const NEVER = new AbortController().signal;

class ClientTx implements Tx {
  readonly #client: pg.PoolClient;
  readonly #hooks: (() => void)[] = [];

  constructor(client: pg.PoolClient) {
    this.#client = client;
  }

  async query<Row extends object = Record<string, unknown>>(query: Query): Promise<Row[]> {
    const result = await this.#client.query<Row>(toConfig(query));
    return result.rows;
  }

  afterCommit(fn: () => void): void {
    this.#hooks.push(fn);
  }

  committed(): void {
    for (const hook of this.#hooks) hook();
  }
}

function toConfig(query: Query): pg.QueryConfig {
  return {
    text: query.text,
    ...(query.values === undefined ? {} : { values: [...query.values] }),
    ...(query.name === undefined ? {} : { name: query.name }),
  };
}

function begin(options: TxOptions): string {
  const isolation = options.isolation === undefined ? '' : ` ISOLATION LEVEL ${options.isolation.toUpperCase()}`;
  return `BEGIN${isolation}${options.readOnly === true ? ' READ ONLY' : ''}`;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

function isDown(error: unknown): boolean {
  const code = codeOf(error);
  if (DOWN_CODES.has(code) || DOWN_ERRNO.has(code)) return true;
  return (
    error instanceof Error &&
    /Connection terminated|timeout exceeded when trying to connect|not queryable/i.test(error.message)
  );
}

function asUnavailable(error: unknown): unknown {
  if (!isDown(error)) return error;
  const reason = error instanceof Error ? error.message || codeOf(error) : String(error);
  return new DatabaseUnavailable(`the database does not answer (${reason})`, error);
}

/** `sql\`… ${value} …\``: values become parameters; another fragment is spliced in with its own. */
export function sql(strings: TemplateStringsArray, ...parts: readonly unknown[]): { text: string; values: unknown[] } {
  const values: unknown[] = [];
  let text = strings[0] ?? '';
  for (const [i, part] of parts.entries()) {
    if (isFragment(part)) {
      const offset = values.length;
      text += part.text.replace(/\$(\d+)/g, (_, n: string) => `$${Number(n) + offset}`);
      values.push(...part.values);
    } else {
      values.push(part);
      text += `$${values.length}`;
    }
    text += strings[i + 1] ?? '';
  }
  return { text, values };
}

function isFragment(part: unknown): part is { text: string; values: unknown[] } {
  return (
    typeof part === 'object' &&
    part !== null &&
    'text' in part &&
    typeof part.text === 'string' &&
    'values' in part &&
    Array.isArray(part.values)
  );
}
