import { monotonicMs, sleep } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import type { Metrics } from '../kernel/metrics.ts';
import { oldestWaiting, releaseConsumer } from './bus.store.ts';
import { type BusKit, type Consumer, type Turn, turn } from './consume.ts';

export interface BusOptions extends BusKit {
  readonly log: Logger;
  readonly metrics?: Metrics;
  /** Who reads, among the replicas. */
  readonly holder: string;
  /** How long an idle consumer waits when nobody kicks it; default 500 ms. */
  readonly pollMs?: number;
}

const POLL_MS = 500;
const LAG_EVERY_MS = 2_000;

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

  constructor(options: BusOptions, consumer: Consumer) {
    this.#options = options;
    this.#consumer = consumer;
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
        await this.#reportLag();
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

  async #pause(signal: AbortSignal): Promise<void> {
    if (this.#kicked) return;
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    await sleep(this.#options.pollMs ?? POLL_MS, AbortSignal.any([signal, woken.signal]));
    this.#wake = () => undefined;
  }

  async #reportLag(): Promise<void> {
    const { metrics } = this.#options;
    if (metrics === undefined) return;
    try {
      const seconds = await lagSeconds(this.#options, this.#consumer.name);
      metrics.gauge('busLag', { consumer: this.#consumer.name }).set(seconds);
    } catch (error) {
      this.#options.log.debug({ err: error }, 'the lag of the bus could not be read');
    }
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
  return oldest === null ? 0 : Math.max(0, (kit.clock.now().getTime() - oldest.getTime()) / 1000);
}
