import type { Database, Query, Tx, TxOptions } from '../../../core/kernel/db/database.ts';

/** The process died here. Nothing of it runs any more; what it had committed stays. */
export class Crash extends Error {
  constructor() {
    super('the process died');
    this.name = 'Crash';
  }
}

/**
 * The life of one simulated process. A fuse of n ends it at the n-th thing it does: a statement, a commit, a call to the
 * outside, before or after the other side did its work. From then on everything it tries throws `Crash`.
 */
export class Life {
  #fuse = Number.POSITIVE_INFINITY;
  dead = false;

  /** Begins anew; with `fuse`, to die at that step. */
  begin(fuse = Number.POSITIVE_INFINITY): void {
    this.dead = false;
    this.#fuse = fuse;
  }

  /** One step is done. It may have been the last. */
  tick(): void {
    this.#fuse -= 1;
    if (this.#fuse <= 0) this.dead = true;
  }

  demand(): void {
    if (this.dead) throw new Crash();
  }
}

/** A database as a mortal process sees it. A transaction that it dies in is rolled back; one it dies after is not. */
export class MortalDatabase implements Database {
  readonly #inner: Database;
  readonly #life: Life;

  constructor(inner: Database, life: Life) {
    this.#inner = inner;
    this.#life = life;
  }

  get pool(): Database['pool'] {
    return this.#inner.pool;
  }

  async query<Row extends object = Record<string, unknown>>(query: Query): Promise<Row[]> {
    this.#life.demand();
    const rows = await this.#inner.query<Row>(query);
    this.#life.tick();
    this.#life.demand();
    return rows;
  }

  async tx<T>(fn: (tx: Tx) => Promise<T>, options?: TxOptions): Promise<T> {
    this.#life.demand();
    const value = await this.#inner.tx((tx) => {
      tx.afterCommit(() => this.#life.tick());
      return fn(new MortalTx(tx, this.#life));
    }, options);
    this.#life.demand();
    return value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]();
  }
}

class MortalTx implements Tx {
  readonly #inner: Tx;
  readonly #life: Life;

  constructor(inner: Tx, life: Life) {
    this.#inner = inner;
    this.#life = life;
  }

  async query<Row extends object = Record<string, unknown>>(query: Query): Promise<Row[]> {
    this.#life.demand();
    const rows = await this.#inner.query<Row>(query);
    this.#life.tick();
    this.#life.demand();
    return rows;
  }

  /** What it brings along goes through this very transaction, so it dies with it. */
  withCommit<T>(work: () => Promise<T>): Promise<T> {
    return this.#inner.withCommit(work);
  }

  afterCommit(fn: () => void): void {
    this.#inner.afterCommit(() => {
      if (!this.#life.dead) fn();
    });
  }
}
