import { createTask, type ScheduledTask } from 'node-cron';
import type { Logger } from '../core/kernel/log.ts';

export interface Job {
  /** Unique in the process; named in logs. */
  readonly name: string;
  /** Cron with seconds, UTC. */
  readonly cron: string;
  /** Runs later by up to so much, so that replicas and jobs do not all begin on the tick; default 0. */
  readonly jitterMs?: number;
  run(): Promise<void>;
}

/** Missed ticks are told at most once in so many of them: a process that slept an hour says it once. */
const TELL_MISSED_EVERY = 600;

/**
 * Jobs on node-cron. A job that is still going is not started a second time; ticks that were missed (the process slept,
 * or was too busy) are counted and told, and the next tick does their work, because every job works on what is due.
 */
export class Schedule implements AsyncDisposable {
  readonly #log: Logger;
  readonly #tasks: ScheduledTask[] = [];
  readonly #running = new Set<Promise<void>>();
  #missed = 0;
  #stopped = false;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Ticks that did not come to run since the start. */
  get missed(): number {
    return this.#missed;
  }

  add(job: Job): void {
    if (this.#stopped) throw new Error('the schedule has ended');
    const task = createTask(job.cron, () => this.#run(job), {
      name: job.name,
      timezone: 'UTC',
      noOverlap: true,
      ...(job.jitterMs === undefined ? {} : { maxRandomDelay: job.jitterMs }),
      logger: quiet(this.#log),
    });
    task.on('execution:missed', () => this.#tellMissed(job));
    this.#tasks.push(task);
    void task.start();
  }

  async #run(job: Job): Promise<void> {
    if (this.#stopped) return;
    const work = job
      .run()
      .catch((error: unknown) => this.#log.warn({ err: error, job: job.name }, 'a job failed; its next run goes on'));
    this.#running.add(work);
    await work;
    this.#running.delete(work);
  }

  #tellMissed(job: Job): void {
    if (this.#missed % TELL_MISSED_EVERY === 0)
      this.#log.warn({ job: job.name }, 'runs were missed; the next one goes on');
    this.#missed += 1;
  }

  /** No new run begins; resolves when those under way have ended. Calling it twice is fine. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    for (const task of this.#tasks.splice(0)) await task.destroy();
    await Promise.allSettled(this.#running);
  }
}

/** A job that is still going at its next tick is normal here, and no line. */
function quiet(log: Logger) {
  return {
    info: (message: string) => log.debug(message),
    warn: (message: string) => log.debug(message),
    error: (message: string | Error, error?: Error) => log.warn({ err: error ?? message }, 'the scheduler failed'),
    debug: () => undefined,
  };
}
