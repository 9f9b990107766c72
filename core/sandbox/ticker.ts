import { after, every, monotonicMs } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';

/** Between two looks when nothing was said: what a killed process, or another one of this world, has left. */
const FLOOR_MS = 250;

/**
 * Runs `work` when it is kicked, and at the floor otherwise; never two at once. A kick that comes while it runs is not
 * lost: it runs once more. `work` says whether there may be more to do at once.
 */
export class Ticker implements AsyncDisposable {
  readonly #name: string;
  readonly #log: Logger;
  readonly #work: (signal: AbortSignal) => Promise<boolean>;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  #again = false;
  #timer: Disposable | undefined;
  #timerDueMs = Number.POSITIVE_INFINITY;

  constructor(name: string, log: Logger, work: (signal: AbortSignal) => Promise<boolean>, floorMs = FLOOR_MS) {
    this.#name = name;
    this.#log = log;
    this.#work = work;
    every(floorMs, this.#stop.signal, async () => this.kick());
  }

  /** Runs now, or in so many milliseconds. Of several waiting kicks the earliest counts; the floor sees to the others. */
  kick(inMs = 0): void {
    if (this.#stop.signal.aborted) return;
    if (inMs > 0) {
      this.#later(inMs);
    } else if (this.#running === undefined) {
      this.#running = this.#run();
    } else {
      this.#again = true;
    }
  }

  #later(inMs: number): void {
    const dueMs = monotonicMs() + inMs;
    // At the floor it is looked at anyway.
    if (inMs >= FLOOR_MS || dueMs >= this.#timerDueMs) return;
    this.#timer?.[Symbol.dispose]();
    this.#timerDueMs = dueMs;
    this.#timer = after(inMs, () => {
      this.#timerDueMs = Number.POSITIVE_INFINITY;
      this.kick();
    });
  }

  async #run(): Promise<void> {
    try {
      do {
        this.#again = false;
        if (await this.#work(this.#stop.signal)) this.#again = true;
      } while (this.#again && !this.#stop.signal.aborted);
    } catch (error) {
      this.#log.warn({ err: error, work: this.#name }, 'background work failed; it is tried again');
    } finally {
      this.#running = undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#timer?.[Symbol.dispose]();
    await this.#running;
  }
}
