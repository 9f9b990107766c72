import { addMs, type Clock, monotonicMs } from '../kernel/clock.ts';
import type { Database } from '../kernel/db/database.ts';
import { CommitUnknown, DatabaseUnavailable } from '../kernel/db/failures.ts';
import { reserveBatch, type Want } from './batch.store.ts';
import type { ShelfName } from './hot.port.ts';

/** How one want ended. `held` is told after the commit only. */
export type Outcome =
  | { readonly kind: 'held' }
  /** There was less on hand than was wanted. */
  | { readonly kind: 'lacks'; readonly available: number }
  /** It waited too long, or too many wait already: nothing was reserved. */
  | { readonly kind: 'busy' };

interface Waiting {
  readonly want: Want;
  readonly untilMs: number;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

export interface BatcherLimits {
  /** Wants in one statement. */
  readonly batch: number;
  readonly waiting: number;
  readonly waitMs: number;
  /** How long a reservation lasts until its order confirms it. */
  readonly holdMs: number;
}

export const DEFAULT_BATCHING: BatcherLimits = { batch: 256, waiting: 10_000, waitMs: 3_000, holdMs: 60_000 };

export interface BatcherKit {
  readonly db: Database;
  readonly clock: Clock;
  /** Called with the size of each batch that ran. */
  readonly onBatch?: (size: number) => void;
}

/**
 * The micro-batcher of one shelf: what arrives while one round trip is under way makes up the next. The row's lock is
 * held for one statement and its commit instead of for a whole order's transaction, and once for many orders.
 *
 * A batch is one statement, so it stands or falls whole. When it fails, its wants are tried one by one, and each hears of
 * its own end; when the database went away, nobody knows whether it stands: all hear the error, and what may have been
 * reserved runs out by itself.
 */
export class ShelfBatcher {
  readonly #kit: BatcherKit;
  readonly #shelf: ShelfName;
  readonly #limits: BatcherLimits;
  #waiting: Waiting[] = [];
  #running = false;

  constructor(kit: BatcherKit, shelf: ShelfName, limits: BatcherLimits) {
    this.#kit = kit;
    this.#shelf = shelf;
    this.#limits = limits;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  reserve(want: Want): Promise<Outcome> {
    if (this.#waiting.length >= this.#limits.waiting) return Promise.resolve({ kind: 'busy' });
    return new Promise((resolve, reject) => {
      this.#waiting.push({ want, untilMs: monotonicMs() + this.#limits.waitMs, resolve, reject });
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    // Whoever arrives in this turn of the event loop comes along.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#next();
      if (batch.length > 0) await this.#reserve(batch);
    }
    this.#running = false;
  }

  /** The first ones that have not waited too long. */
  #next(): readonly Waiting[] {
    const taken = this.#waiting.splice(0, this.#limits.batch);
    const now = monotonicMs();
    for (const { untilMs, resolve } of taken) if (untilMs <= now) resolve({ kind: 'busy' });
    return taken.filter(({ untilMs }) => untilMs > now);
  }

  async #reserve(batch: readonly Waiting[]): Promise<void> {
    this.#kit.onBatch?.(batch.length);
    try {
      await this.#once(batch);
    } catch (error) {
      if (batch.length === 1 || error instanceof DatabaseUnavailable || error instanceof CommitUnknown) {
        for (const { reject } of batch) reject(error);
        return;
      }
      for (const single of batch) await this.#once([single]).catch((reason: unknown) => single.reject(reason));
    }
  }

  async #once(batch: readonly Waiting[]): Promise<void> {
    const { db, clock } = this.#kit;
    const dueAt = addMs(clock.now(), this.#limits.holdMs);
    const { accepted, left } = await reserveBatch(
      db,
      this.#shelf,
      batch.map(({ want }) => want),
      dueAt,
    );
    for (const { resolve } of batch.slice(0, accepted)) resolve({ kind: 'held' });
    // The first behind the prefix did not fit, and nobody who wants more than what is left does; the others come again.
    const [first, ...others] = batch.slice(accepted);
    first?.resolve({ kind: 'lacks', available: left });
    const again = others.filter(({ want, resolve }) => {
      if (want.quantity <= left) return true;
      resolve({ kind: 'lacks', available: left });
      return false;
    });
    this.#waiting.unshift(...again);
  }
}
