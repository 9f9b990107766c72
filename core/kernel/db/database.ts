import pg from 'pg';
import { sleep } from '../clock.ts';
import type { Logger } from '../log.ts';
import { systemRandom } from '../random.ts';
import { Batch, type Outcome, type Query, Skipped, Statement, typeParserOf } from './batch.ts';
import { asUnavailable, CommitUnknown, codeOf, isDown, RETRY_CODES } from './failures.ts';

export type { Query };

/** A place SQL can run: the pool, or one transaction. Values always travel as parameters. */
export interface Sql {
  query<Row extends object = Record<string, unknown>>(query: Query): Promise<Row[]>;
}

/**
 * One transaction. Statements asked for without waiting in between travel to the server together; the ones behind one
 * that fails are not run. BEGIN travels with the first of them, so a transaction that asks nothing costs nothing.
 */
export interface Tx extends Sql {
  /**
   * Statements that travel together with COMMIT: whatever they answer decides nothing any more, and a failure of one ends
   * the transaction. Their outcome is there when the transaction is committed, so inside it nobody must wait for it.
   */
  withCommit<T>(work: () => Promise<T>): Promise<T>;
  /** Runs once the transaction is committed; never when it rolled back. */
  afterCommit(fn: () => void): void;
}

export interface TxOptions {
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable';
  readonly readOnly?: boolean;
  readonly signal?: AbortSignal;
  /** What each statement of this transaction may take, instead of the pool's limit. */
  readonly statementTimeoutMs?: number;
}

export interface Database extends Sql, AsyncDisposable {
  readonly pool: pg.Pool;
  tx<T>(fn: (tx: Tx) => Promise<T>, options?: TxOptions): Promise<T>;
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
const STATEMENT_TIMEOUT_MS = 30_000;
/** What an answer may take on top of its statements, which the server ends by itself. */
const ANSWER_GRACE_MS = 5_000;
/**
 * A process that was stopped between two statements, or cut off, must not keep its row locks and the snapshot horizon:
 * the server ends its transaction, and what it comes back with is refused.
 */
const IDLE_IN_TRANSACTION_MS = 10_000;

/**
 * Opens a pool. Waiting for a free connection is bounded, and so is every statement (`statementTimeoutMs`, default 30 s),
 * at the server and, should the line be dead, 5 s later here.
 * Throws `DatabaseUnavailable` when the server does not answer now.
 */
export async function openDatabase(options: OpenOptions): Promise<Database> {
  const statementTimeoutMs = options.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS;
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.poolSize,
    application_name: options.applicationName,
    connectionTimeoutMillis: POOL_WAIT_MS,
    statement_timeout: statementTimeoutMs,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
  });
  // An idle connection that dies is replaced by the pool; without a listener its error would end the process.
  pool.on('error', (error) => options.log.warn({ err: error }, 'an idle database connection was lost'));
  // One that dies at work says so to its statements; without a listener the event would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined));
  const database = new PoolDatabase(pool, statementTimeoutMs);
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
  readonly #statementMs: number;

  constructor(pool: pg.Pool, statementMs: number) {
    this.pool = pool;
    this.#statementMs = statementMs;
  }

  async query<Row extends object = Record<string, unknown>>(query: Query): Promise<Row[]> {
    const client = await this.#connect();
    let error: unknown;
    try {
      const { rows } = await new Promise<Outcome>((resolve, reject) => {
        const settle = (failure: unknown, outcome: Outcome | undefined): void =>
          outcome === undefined ? reject(failure) : resolve(outcome);
        const limitMs = this.#statementMs + ANSWER_GRACE_MS;
        new Batch([new Statement(query, settle)], typeParserOf, () => undefined).sendOver(client, limitMs);
      });
      return rows as Row[];
    } catch (failure) {
      error = failure;
      throw traced(asUnavailable(failure));
    } finally {
      client.release(isDown(error));
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
    const tx = new ClientTx(client, options, this.#statementMs);
    let broken = false;
    let committing = false;
    try {
      const value = await fn(tx);
      committing = true;
      await tx.commit();
      return value;
    } catch (thrown) {
      const error = thrown instanceof Skipped ? thrown.cause : thrown;
      if (isDown(error)) {
        broken = true;
        throw committing ? new CommitUnknown(error) : asUnavailable(error);
      }
      await tx.rollback().catch(() => {
        broken = true;
      });
      throw asUnavailable(error);
    } finally {
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
  readonly #begin: readonly Query[];
  readonly #statementMs: number;
  readonly #last: (() => Promise<unknown>)[] = [];
  readonly #hooks: (() => void)[] = [];
  #begun = false;
  /** Why BEGIN failed: nothing may run here, it would commit by itself. */
  #refused: Error | undefined;
  #waiting: Statement[] = [];
  #scheduled = false;
  #underWay = false;
  /** COMMIT or ROLLBACK is asked for: the connection will be somebody else's. */
  #over = false;

  constructor(client: pg.PoolClient, options: TxOptions, statementMs: number) {
    this.#client = client;
    this.#begin = begin(options);
    this.#statementMs = options.statementTimeoutMs ?? statementMs;
  }

  async query<Row extends object = Record<string, unknown>>(query: Query): Promise<Row[]> {
    if (this.#over) throw new Error('broken invariant: the transaction is over, and this statement came after it');
    try {
      if (!this.#begun) this.#enqueueBegin();
      return (await this.#ask(query)).rows as Row[];
    } catch (error) {
      throw traced(error);
    }
  }

  #enqueueBegin(): void {
    this.#begun = true;
    const settle = (failure: unknown): void => {
      if (failure === undefined) return;
      this.#refused = new Error('the transaction could not be begun', { cause: failure });
    };
    for (const query of this.#begin) this.#waiting.push(new Statement(query, settle));
  }

  #ask(query: Query): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const statement = new Statement(query, (failure, outcome) =>
        outcome === undefined ? reject(failure) : resolve(outcome),
      );
      this.#waiting.push(statement);
      if (this.#scheduled) return;
      this.#scheduled = true;
      // Whatever else is asked for before this turn of the event loop ends goes along.
      process.nextTick(() => {
        this.#scheduled = false;
        this.#send();
      });
    });
  }

  /** One batch at a time: what is asked for meanwhile makes up the next one. */
  #send(): void {
    if (this.#underWay || this.#waiting.length === 0) return;
    const statements = this.#waiting;
    this.#waiting = [];
    const refused = this.#refused;
    if (refused !== undefined) {
      for (const statement of statements) statement.reject(refused);
      return;
    }
    this.#underWay = true;
    new Batch(statements, typeParserOf, () => {
      this.#underWay = false;
      this.#send();
    }).sendOver(this.#client, statements.length * this.#statementMs + ANSWER_GRACE_MS);
  }

  async commit(): Promise<void> {
    const last = Promise.allSettled(this.#last.map((work) => work()));
    this.#over = true;
    if (this.#begun) {
      // If one of them fails at the server, it skips the COMMIT, which says why.
      const { command } = await this.#ask({ name: 'COMMIT', text: 'COMMIT' });
      // A transaction that failed inside and was not noticed ends in ROLLBACK, and says so only here.
      if (command !== 'COMMIT') throw new Error('broken invariant: the transaction had failed before its commit');
      this.#begun = false;
    }
    const ends = await last;
    for (const hook of this.#hooks) hook();
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  async rollback(): Promise<void> {
    this.#over = true;
    if (this.#begun && this.#refused === undefined) await this.#ask({ name: 'ROLLBACK', text: 'ROLLBACK' });
  }

  withCommit<T>(work: () => Promise<T>): Promise<T> {
    const outcome = new Promise<T>((resolve, reject) => {
      this.#last.push(async () => {
        try {
          resolve(await work());
        } catch (error) {
          reject(error);
          throw error;
        }
      });
    });
    // A transaction that fails says so by itself, and then nobody asks for this.
    outcome.catch(() => undefined);
    return outcome;
  }

  afterCommit(fn: () => void): void {
    this.#hooks.push(fn);
  }
}

/** Errors are made where the answer is read; this shows who asked. */
function traced(error: unknown): unknown {
  if (error instanceof Error) Error.captureStackTrace(error);
  return error;
}

function begin({ isolation, readOnly, statementTimeoutMs }: TxOptions): Query[] {
  const level = isolation === undefined ? '' : ` ISOLATION LEVEL ${isolation.toUpperCase()}`;
  const text = `BEGIN${level}${readOnly === true ? ' READ ONLY' : ''}`;
  if (statementTimeoutMs === undefined) return [{ name: text, text }];
  const limit = `SELECT set_config('statement_timeout', $1, true)`;
  return [
    { name: text, text },
    { name: limit, text: limit, values: [String(statementTimeoutMs)] },
  ];
}
