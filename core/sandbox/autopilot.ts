import type { Database, Sql } from '../kernel/db/database.ts';
import type { Logger } from '../kernel/log.ts';
import type { Message } from './callbacks.store.ts';
import type { Callbacks } from './callbacks.ts';
import { Ticker } from './ticker.ts';

const BATCH = 128;

/** Lets the answer go out before what follows it; the other order is a fault of its own (`early_callback`). */
export const A_MOMENT_MS = 2;

/** What moves on by itself, by the row that has an `auto_at`. */
type Mover = 'trade' | 'refund' | 'shipment' | 'return';

/** Moves up to `limit` rows whose time has come, and returns what there is to tell about them. */
export type Steps = Readonly<Record<Mover, (sql: Sql, limit: number) => Promise<Message[]>>>;

/**
 * The shoppers that pay by themselves and the parcels that arrive. The rows say when; a kick says that there are some. One
 * statement moves a whole batch, so that under load the cost is per batch and not per row.
 */
export class Autopilot implements AsyncDisposable {
  readonly #tickers: ReadonlyMap<Mover, Ticker>;

  constructor(db: Database, log: Logger, callbacks: Callbacks, steps: Steps) {
    const ticker = (mover: Mover): [Mover, Ticker] => [
      mover,
      new Ticker(`autopilot of ${mover}s`, log, async () => {
        const messages = await steps[mover](db, BATCH);
        callbacks.send(messages);
        return messages.length === BATCH;
      }),
    ];
    this.#tickers = new Map([ticker('trade'), ticker('refund'), ticker('shipment'), ticker('return')]);
  }

  /** A row was committed that moves on by itself in so many milliseconds. */
  kick(mover: Mover, inMs: number): void {
    this.#tickers.get(mover)?.kick(inMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#tickers.values()].map((ticker) => ticker[Symbol.asyncDispose]()));
  }
}
