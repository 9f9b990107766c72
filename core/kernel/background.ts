import type { Logger } from './log.ts';

/**
 * Work that goes on after the answer was sent: the kick that drives a row at once instead of waiting for a repair.
 * Bounded: when too much is under way a kick is dropped, which costs time but loses nothing, because the row's `due_at`
 * brings it to a repair.
 */
export class Background implements AsyncDisposable {
  readonly #log: Logger;
  readonly #limit: number;
  readonly #running = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  dropped = 0;

  constructor(log: Logger, limit = 256) {
    this.#log = log;
    this.#limit = limit;
  }

  get size(): number {
    return this.#running.size;
  }

  kick(name: string, work: (signal: AbortSignal) => Promise<unknown>): void {
    if (this.#stop.signal.aborted || this.#running.size >= this.#limit) {
      this.dropped += 1;
      return;
    }
    const task = work(this.#stop.signal)
      .then(
        () => undefined,
        (error: unknown) =>
          this.#log.warn({ err: error, work: name }, 'background work failed; a repair will take it up'),
      )
      .finally(() => this.#running.delete(task));
    this.#running.add(task);
  }

  /** Resolves when nothing is under way: for tests and for a graceful stop. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.idle();
  }
}
