import type { Database, Sql, Tx } from '../kernel/db/database.ts';
import type { Logger } from '../kernel/log.ts';
import { Ticker } from './ticker.ts';

export type ParkedOperation = 'initTrade' | 'refundTrade' | 'deduct' | 'initShipment' | 'initReturn' | 'lockRoom';

/** A request on its way that a fault holds back. */
export interface ParkedRequest {
  readonly operation: ParkedOperation;
  /** What a query must ask for to let it go. */
  readonly key: string;
  readonly input: object;
}

/** Carries out a request that comes late; what it returns runs once that is committed. */
export type LateWork = (tx: Tx, operation: ParkedOperation, input: unknown) => Promise<() => void>;

interface ParkedRow {
  readonly id: number;
  readonly operation: ParkedOperation;
  readonly key: string;
  readonly input: unknown;
}

/**
 * Where requests wait that a fault delays past the next query. The caller has seen its connection die and asks: it is
 * told `none`, and only then the request arrives. Nobody asked within its time: it arrives all the same.
 */
export class ParkingLot implements AsyncDisposable {
  readonly #db: Database;
  readonly #ticker: Ticker;
  readonly #work: LateWork;
  /** Keys of waiting requests that this process parked: without any, a query pays nothing. */
  readonly #keys = new Set<string>();

  private constructor(db: Database, log: Logger, work: LateWork) {
    this.#db = db;
    this.#work = work;
    this.#ticker = new Ticker('parked requests', log, () => this.#carryOut());
  }

  static async open(db: Database, log: Logger, work: LateWork): Promise<ParkingLot> {
    const lot = new ParkingLot(db, log, work);
    const rows = await db.query<{ key: string }>({ text: 'SELECT DISTINCT key FROM sandbox.parked' });
    for (const { key } of rows) lot.#keys.add(key);
    return lot;
  }

  get empty(): boolean {
    return this.#keys.size === 0;
  }

  async park(request: ParkedRequest, latestInMs: number): Promise<void> {
    this.#keys.add(request.key);
    await this.#db.query({
      name: 'sandbox_park',
      text: `INSERT INTO sandbox.parked (operation, key, input, due_at)
        VALUES ($1, $2, $3::jsonb, clock_timestamp() + $4 * interval '1 millisecond')`,
      values: [request.operation, request.key, JSON.stringify(request.input), latestInMs],
    });
    this.#ticker.kick(latestInMs);
  }

  /** A query for the key was answered: whatever waits under it arrives now. */
  async answered(key: string): Promise<void> {
    if (!this.#keys.delete(key)) return;
    await this.#db.query({
      name: 'sandbox_unpark',
      text: 'UPDATE sandbox.parked SET due_at = clock_timestamp() WHERE key = $1',
      values: [key],
    });
    this.#ticker.kick();
  }

  async #carryOut(): Promise<boolean> {
    const done = await this.#db.tx(async (tx) => {
      const row = await takeOne(tx);
      if (row === null) return false;
      const after = await this.#work(tx, row.operation, row.input);
      tx.afterCommit(() => {
        this.#keys.delete(row.key);
        after();
      });
      return true;
    });
    return done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ticker[Symbol.asyncDispose]();
  }
}

async function takeOne(sql: Sql): Promise<ParkedRow | null> {
  const rows = await sql.query<ParkedRow>({
    name: 'sandbox_parked_take',
    text: `DELETE FROM sandbox.parked WHERE id = (SELECT id FROM sandbox.parked
        WHERE due_at <= clock_timestamp() ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
      RETURNING id, operation, key, input`,
  });
  return rows[0] ?? null;
}
