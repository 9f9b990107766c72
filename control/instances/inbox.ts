import type { InstanceReport } from '../../core/guard/protocol.ts';
import type { Database } from '../../core/kernel/db/database.ts';
import { ok, type Result, refuse } from '../../core/kernel/errors.ts';
import type { HistogramSeries, Metrics } from '../../core/kernel/metrics.ts';
import { type NamedReport, saveReports } from './instances.store.ts';

interface Waiting {
  readonly reports: Map<string, InstanceReport>;
  readonly written: PromiseWithResolvers<void>;
}

/** The planning figure of 10,000 instances, all at once, twice over. */
const MAX_WAITING = 20_000;

/**
 * Writes reports in batches: whatever comes while one statement runs goes into the next. One instance alone is written at
 * once, ten thousand a second are a few statements a second.
 */
export class InstanceInbox implements AsyncDisposable {
  readonly #db: Database;
  readonly #seconds: HistogramSeries;
  readonly #epoch: () => string;
  #waiting: Waiting | undefined;
  #running: Promise<void> | undefined;
  #heard = Promise.withResolvers<void>();

  constructor(db: Database, metrics: Metrics, epoch: () => string) {
    this.#db = db;
    this.#seconds = metrics.histogram('flipPropagation', {});
    this.#epoch = epoch;
  }

  /** Settles when the next batch is written on this replica: a hint that it is worth looking again. */
  get nextWrite(): Promise<void> {
    return this.#heard.promise;
  }

  /** Resolves when the report is written; rejects when the database did not take it. Refuses: `unavailable` when full. */
  async take(name: string, report: InstanceReport): Promise<Result<void>> {
    this.#waiting ??= { reports: new Map(), written: Promise.withResolvers<void>() };
    const { reports, written } = this.#waiting;
    if (reports.size >= MAX_WAITING && !reports.has(name)) {
      return refuse('unavailable', 'Too many reports wait to be written; report again with the next heartbeat.');
    }
    reports.set(name, report);
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    await written.promise;
    return ok(undefined);
  }

  async #run(): Promise<void> {
    // A turn of the event loop: what has arrived together is written together.
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
    while (this.#waiting !== undefined) {
      const { reports, written } = this.#waiting;
      this.#waiting = undefined;
      const batch: NamedReport[] = [...reports].map(([name, report]) => ({ name, report }));
      batch.sort((a, b) => (a.name < b.name ? -1 : 1));
      try {
        const delays = await saveReports(this.#db, this.#epoch(), batch);
        for (const delayMs of delays) this.#seconds.observe(delayMs / 1000);
        written.resolve();
        this.#heard.resolve();
        this.#heard = Promise.withResolvers<void>();
      } catch (error) {
        written.reject(error);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running;
  }
}
