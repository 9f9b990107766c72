import { every } from '../kernel/clock.ts';
import type { Database, Sql } from '../kernel/db/database.ts';
import type { Logger } from '../kernel/log.ts';

/** Work of the sandbox that must survive a crash of it: rows with a due time and a lease. */
export interface Job {
  readonly id: number;
  readonly kind: string;
  readonly payload: unknown;
  readonly tries: number;
}

/** What a handler made of a job: done, again in so many milliseconds, or given up for a reason. */
export type JobOutcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'again'; readonly ms: number }
  | { readonly kind: 'given_up'; readonly reason: string };

export type JobHandler = (payload: unknown, job: Job, signal: AbortSignal) => Promise<JobOutcome>;

const POLL_MS = 100;
const BATCH = 64;
const LEASE = "interval '15 seconds'";

/**
 * Adds a job, to be committed with the effect that causes it. Run it at once after the commit with `JobRunner.now`; one
 * that is due at once is added with its lease taken, so that the poll does not run it a second time.
 */
export async function addJob(sql: Sql, kind: string, payload: unknown, delayMs = 0): Promise<Job> {
  const rows = await sql.query<Job>({
    name: 'sandbox_job_add',
    text: `INSERT INTO sandbox.job (kind, payload, due_at, lease_until)
      VALUES ($1, $2::jsonb, clock_timestamp() + $3 * interval '1 millisecond',
        CASE WHEN $3 = 0 THEN clock_timestamp() + ${LEASE} END)
      RETURNING id, kind, payload, tries`,
    values: [kind, JSON.stringify(payload), delayMs],
  });
  const row = rows[0];
  if (row === undefined) throw new Error('broken invariant: a job was not added');
  return row;
}

export class JobRunner implements AsyncDisposable {
  readonly #db: Database;
  readonly #log: Logger;
  readonly #handlers: ReadonlyMap<string, JobHandler>;
  readonly #running = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  readonly #limit: number;

  constructor(db: Database, log: Logger, handlers: Readonly<Record<string, JobHandler>>, limit = 64) {
    this.#db = db;
    this.#log = log;
    this.#handlers = new Map(Object.entries(handlers));
    this.#limit = limit;
    every(POLL_MS, this.#stop.signal, () => this.#poll());
  }

  /** Runs a job whose lease was taken when it was added. Above the limit it is left to the poll. */
  now(job: Job): void {
    if (this.#stop.signal.aborted || this.#running.size >= this.#limit * 4) return;
    this.#start(job);
  }

  async #poll(): Promise<void> {
    const room = Math.min(BATCH, this.#limit - this.#running.size);
    if (room <= 0) return;
    try {
      const due = await this.#db.query<Job>({
        name: 'sandbox_job_due',
        text: `UPDATE sandbox.job SET lease_until = clock_timestamp() + ${LEASE}
          WHERE id IN (SELECT id FROM sandbox.job
            WHERE given_up IS NULL AND due_at <= clock_timestamp() AND (lease_until IS NULL OR lease_until < clock_timestamp())
            ORDER BY due_at, id LIMIT $1 FOR UPDATE SKIP LOCKED)
          RETURNING id, kind, payload, tries`,
        values: [room],
      });
      for (const job of due) this.#start(job);
    } catch (error) {
      this.#log.warn({ err: error }, 'the job queue could not be read');
    }
  }

  #start(job: Job): void {
    const task = this.#run(job)
      .catch((error: unknown) =>
        this.#log.warn({ err: error, job: job.id, kind: job.kind }, 'a job failed; it runs again'),
      )
      .finally(() => this.#running.delete(task));
    this.#running.add(task);
  }

  async #run(job: Job): Promise<void> {
    const handler = this.#handlers.get(job.kind);
    const outcome: JobOutcome =
      handler === undefined
        ? { kind: 'given_up', reason: `no handler for ${job.kind}` }
        : await handler(job.payload, job, this.#stop.signal);
    switch (outcome.kind) {
      case 'done':
        await this.#db.query({
          name: 'sandbox_job_done',
          text: 'DELETE FROM sandbox.job WHERE id = $1',
          values: [job.id],
        });
        return;
      case 'again':
        await this.#db.query({
          name: 'sandbox_job_again',
          text: `UPDATE sandbox.job SET tries = tries + 1, lease_until = NULL,
            due_at = clock_timestamp() + $2 * interval '1 millisecond' WHERE id = $1`,
          values: [job.id, outcome.ms],
        });
        return;
      case 'given_up':
        await this.#db.query({
          name: 'sandbox_job_given_up',
          text: 'UPDATE sandbox.job SET given_up = $2 WHERE id = $1',
          values: [job.id, outcome.reason],
        });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }
}
