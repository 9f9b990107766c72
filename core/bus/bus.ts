import { type Clock, monotonicMs, sleep } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import type { Metrics } from '../kernel/metrics.ts';
import { countParked, oldestWaiting, releaseConsumer, releaseConsumersOf } from './bus.store.ts';
import { type BusKit, type Consumer, type Turn, turn } from './consume.ts';
import { handOverAsked } from './parked.ts';

export interface BusOptions extends BusKit {
  readonly log: Logger;
  readonly metrics?: Metrics;
  /** Who reads, among the replicas. */
  readonly holder: string;
  /** How long an idle consumer waits when nobody kicks it; default 500 ms. */
  readonly pollMs?: number;
}

const POLL_MS = 500;
/** A kick does not wake a consumer sooner than this after it began to rest: it gathers what a burst commits. */
const REST_MS = 100;
const LAG_EVERY_MS = 2_000;
/** A look at the lag that is older says nothing of now. */
const LAG_FRESH_MS = 10_000;

/**
 * A consumer at work: it reads until nothing is left, then sleeps until a kick or the poll. Any number of replicas may
 * run it; one reads, the others ask for its lease at each poll and have it within 20 s of its holder's death.
 */
export class RunningConsumer implements AsyncDisposable {
  readonly #options: BusOptions;
  readonly #consumer: Consumer;
  readonly #stop = new AbortController();
  readonly #work: Promise<void>;
  #wake: () => void = () => undefined;
  #kicked = false;
  #lag: { readonly oldest: Date | null; readonly parked: number; readonly lookedAt: Date } | undefined;

  constructor(options: BusOptions, consumer: Consumer) {
    this.#options = options;
    this.#consumer = consumer;
    options.metrics?.atScrape('busLag', (put) => {
      const seconds = this.#lagSeconds();
      if (seconds !== undefined) put({ consumer: consumer.name }, seconds);
    });
    options.metrics?.atScrape('busParked', (put) => {
      const lag = this.#lag;
      if (lag !== undefined && ageSeconds(options.clock, lag.lookedAt) * 1000 <= LAG_FRESH_MS)
        put({ consumer: consumer.name }, lag.parked);
    });
    this.#work = this.#run();
  }

  /** Something was committed in this process: look now. Cheap and never wrong. */
  kick(): void {
    this.#kicked = true;
    this.#wake();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let lagAt = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      this.#kicked = false;
      const done = await this.#turn(signal);
      if (monotonicMs() - lagAt >= LAG_EVERY_MS) {
        lagAt = monotonicMs();
        await Promise.all([this.#readLag(), this.#handOver()]);
      }
      if (done?.kind !== 'handled' && done?.kind !== 'parked') await this.#pause(signal);
    }
  }

  async #turn(signal: AbortSignal): Promise<Turn | null> {
    const { log, holder } = this.#options;
    const consumer = this.#consumer.name;
    try {
      const done = await turn(this.#options, this.#consumer, holder, signal);
      if (done.kind === 'parked') log.error({ consumer, eventId: done.eventId, reason: done.error }, 'event parked');
      if (done.kind === 'held back') log.warn({ consumer, reason: done.error }, 'an event failed; it comes again');
      return done;
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error, consumer }, 'the bus could not be read');
      return null;
    }
  }

  async #handOver(): Promise<void> {
    const { log } = this.#options;
    const consumer = this.#consumer.name;
    try {
      const taken = await handOverAsked(this.#options, this.#consumer);
      if (taken > 0) log.info({ consumer, taken }, 'parked events were taken after all');
    } catch (error) {
      log.debug({ err: error, consumer }, 'parked events could not be handed over');
    }
  }

  async #pause(signal: AbortSignal): Promise<void> {
    await sleep(REST_MS, signal);
    if (this.#kicked) return;
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    await sleep((this.#options.pollMs ?? POLL_MS) - REST_MS, AbortSignal.any([signal, woken.signal]));
    this.#wake = () => undefined;
  }

  async #readLag(): Promise<void> {
    const { db, clock, metrics, log } = this.#options;
    if (metrics === undefined) return;
    const lookedAt = clock.now();
    try {
      const { name } = this.#consumer;
      this.#lag = { lookedAt, oldest: await oldestWaiting(db, name), parked: await countParked(db, name) };
    } catch (error) {
      log.debug({ err: error }, 'the lag of the bus could not be read');
    }
  }

  /** A replica that cannot look any more tells a lag that grows: from the oldest event it knew of, or from its last look. */
  #lagSeconds(): number | undefined {
    if (this.#lag === undefined) return undefined;
    const { oldest, lookedAt } = this.#lag;
    const { clock } = this.#options;
    if (oldest !== null) return ageSeconds(clock, oldest);
    const lookedSeconds = ageSeconds(clock, lookedAt);
    return lookedSeconds * 1000 > LAG_FRESH_MS ? lookedSeconds : 0;
  }

  /** Finishes the batch under way and gives the lease back, so that another replica goes on at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#work;
    const { db, holder, log } = this.#options;
    try {
      await releaseConsumer(db, this.#consumer.name, holder);
    } catch (error) {
      log.debug({ err: error }, 'the lease of a consumer ends by itself');
    }
  }
}

/** Starts a consumer. Dispose it to stop. */
export function consume(options: BusOptions, consumer: Consumer): RunningConsumer {
  return new RunningConsumer(options, consumer);
}

/** Age in seconds of the oldest event that a consumer has not handled; 0 when it is up to date. */
export async function lagSeconds(kit: BusKit, name: string): Promise<number> {
  const oldest = await oldestWaiting(kit.db, name);
  return oldest === null ? 0 : ageSeconds(kit.clock, oldest);
}

function ageSeconds(clock: Clock, at: Date): number {
  return Math.max(0, (clock.now().getTime() - at.getTime()) / 1000);
}

/** Ends the leases of every consumer whose holder's name begins with `prefix`: what a process of that name left at its death. */
export async function takeOverFrom(kit: BusKit, prefix: string): Promise<void> {
  await releaseConsumersOf(kit.db, prefix);
}
