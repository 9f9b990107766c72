import { monotonicMs, sleep } from './clock.ts';
import type { Sql } from './db/database.ts';
import type { Logger } from './log.ts';

/**
 * Work that one replica does for all (checks, sealing, checkpoints). The lease is a row, by the database's clock; a
 * holder that dies is followed within 30 s. Two holders for a moment are possible (a process that was stopped and goes
 * on), so what is done under it must be idempotent; the lease saves work, it does not make it correct.
 */
const LEASE_MS = 20_000;
const RENEW_MS = 4_000;
/** The holder stops believing earlier than the row does, so that its successor never finds it still at work. */
const BELIEVE_MS = LEASE_MS - RENEW_MS;

/** Takes or renews a holding once. Returns whether `holder` has it now. */
export async function takeHolding(sql: Sql, name: string, holder: string): Promise<boolean> {
  const rows = await sql.query({
    name: 'holding_take',
    text: `INSERT INTO core.holding AS h (name, holder, lease_until)
      VALUES ($1, $2, clock_timestamp() + interval '${LEASE_MS} milliseconds')
      ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, lease_until = excluded.lease_until
        WHERE h.holder = excluded.holder OR h.lease_until < clock_timestamp()
      RETURNING h.holder`,
    values: [name, holder],
  });
  return rows.length === 1;
}

/** Gives a holding back, so that the next one need not wait. */
export async function releaseHolding(sql: Sql, name: string, holder: string): Promise<void> {
  await sql.query({
    name: 'holding_release',
    text: 'DELETE FROM core.holding WHERE name = $1 AND holder = $2',
    values: [name, holder],
  });
}

/**
 * Gives back what holders whose names begin with `prefix` had: a process that starts ends the leases of the one of its
 * name that died, instead of waiting for them. A twin that lives and carries the name by mistake loses them to it once.
 */
export async function releaseHoldingsOf(sql: Sql, prefix: string): Promise<void> {
  await sql.query({
    name: 'holding_release_of',
    text: 'DELETE FROM core.holding WHERE starts_with(holder, $1)',
    values: [prefix],
  });
}

export interface HoldingOptions {
  readonly sql: Sql;
  readonly name: string;
  /** This replica's name; unique among the replicas. */
  readonly holder: string;
  readonly log: Logger;
}

/** Asks for a holding until disposed, and renews it while it has it. */
export class Holding implements AsyncDisposable {
  readonly #options: HoldingOptions;
  readonly #stop = new AbortController();
  readonly #work: Promise<void>;
  #believedUntilMs = 0;

  constructor(options: HoldingOptions) {
    this.#options = options;
    this.#work = this.#run();
  }

  /** Whether this replica is the one now. */
  get held(): boolean {
    return monotonicMs() < this.#believedUntilMs;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#ask();
      await sleep(RENEW_MS, signal);
    }
  }

  async #ask(): Promise<void> {
    const { sql, name, holder, log } = this.#options;
    const askedMs = monotonicMs();
    try {
      const before = this.held;
      const mine = await takeHolding(sql, name, holder);
      this.#believedUntilMs = mine ? askedMs + BELIEVE_MS : 0;
      if (mine !== before) log.info({ holding: name, held: mine }, mine ? 'took over' : 'gave up');
    } catch (error) {
      log.debug({ err: error, holding: name }, 'the holding could not be renewed');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#work;
    if (!this.held) return;
    this.#believedUntilMs = 0;
    try {
      await releaseHolding(this.#options.sql, this.#options.name, this.#options.holder);
    } catch (error) {
      this.#options.log.debug({ err: error }, 'the holding ends by itself');
    }
  }
}
