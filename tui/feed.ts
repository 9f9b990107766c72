import { type Overview, overview } from '../control/api/contract.ts';
import type { Client } from './client.ts';

/** What the screens show: the newest overview, how old it is, and why there is no newer one. */
export interface FeedState {
  readonly data: Overview | null;
  /** Monotonic milliseconds of the last good answer. */
  readonly receivedMs: number | null;
  /** Why the last try failed; null when it did not. */
  readonly problem: string | null;
  readonly nowMs: number;
}

const RETRY_CAP_MS = 5_000;
/** Data older than this is shown as stale: no verdict stands on it. */
export const STALE_AFTER_MS = 5_000;

export function isStale(state: FeedState): boolean {
  return state.receivedMs === null || state.nowMs - state.receivedMs > STALE_AFTER_MS;
}

/** Polls control and remembers the last good answer. An external store in React's sense. */
export class Feed {
  readonly #client: Client;
  readonly #intervalMs: number;
  readonly #listeners = new Set<() => void>();
  readonly #stop = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #state: FeedState = { data: null, receivedMs: null, problem: null, nowMs: performance.now() };

  constructor(client: Client, intervalMs: number) {
    this.#client = client;
    this.#intervalMs = intervalMs;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly read = (): FeedState => this.#state;

  start(): void {
    void this.#tick();
  }

  /** Asks at once instead of at the next turn. */
  refresh(): void {
    clearTimeout(this.#timer);
    void this.#tick();
  }

  stop(): void {
    this.#stop.abort();
    clearTimeout(this.#timer);
  }

  async #tick(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    try {
      const data = await this.#client.call(overview, '/v1/overview', { timeoutMs: 4_000, signal: this.#stop.signal });
      this.#failures = 0;
      const nowMs = performance.now();
      this.#set({ data, receivedMs: nowMs, problem: null, nowMs });
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.#failures += 1;
      const problem = error instanceof Error ? error.message : String(error);
      this.#set({ ...this.#state, problem, nowMs: performance.now() });
    }
    const backoff =
      this.#failures === 0
        ? this.#intervalMs
        : Math.min(RETRY_CAP_MS, this.#intervalMs * 2 ** Math.min(this.#failures, 4));
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#tick(), backoff);
  }

  #set(state: FeedState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}
