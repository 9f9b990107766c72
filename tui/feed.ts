import { type Overview, overview } from '../control/api/contract.ts';
import type { Client } from './client.ts';
import { after, every, monotonicMs } from './clock.ts';
import { explain, type Trouble } from './explain.ts';

/** What the screens show: the newest overview, how old it is, and why there is no newer one. */
export interface FeedState {
  readonly data: Overview | null;
  /** Since control last said something new; null before its first answer. */
  readonly ageMs: number | null;
  /** No verdict stands on this data: it is too old, or there is none. */
  readonly stale: boolean;
  /** Why the last try failed; null when it did not. */
  readonly trouble: Trouble | null;
}

export interface FeedOptions {
  readonly intervalMs: number;
}

/** Data older than this, or than two looks, is stale. */
const STALE_MS = 5_000;
/** Soon, because the system that comes back is what everybody waits for. */
const RETRY_CAP_MS = 2_000;
const ANSWER_TIMEOUT_MS = 4_000;
/** Data on the screen grows old without any event, so somebody has to look at the clock. */
const HEARTBEAT_MS = 1_000;

/** Polls control and remembers the last good answer. An external store in React's sense. */
export class Feed {
  readonly #client: Client;
  readonly #intervalMs: number;
  readonly #staleMs: number;
  readonly #listeners = new Set<() => void>();
  readonly #stop = new AbortController();
  #timer: Disposable | undefined;
  #heartbeat: Disposable | undefined;
  #asking = false;
  #askAgain = false;
  #failures = 0;
  #newAtMs: number | null = null;
  #state: FeedState = { data: null, ageMs: null, stale: true, trouble: null };

  constructor(client: Client, { intervalMs }: FeedOptions) {
    this.#client = client;
    this.#intervalMs = intervalMs;
    this.#staleMs = Math.max(STALE_MS, 2 * intervalMs);
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly read = (): FeedState => this.#state;

  start(): void {
    this.#heartbeat = every(HEARTBEAT_MS, () => this.#grow());
    void this.#ask();
  }

  /** Asks at once instead of at the next turn; after the question that is under way, so that answers keep their order. */
  refresh(): void {
    this.#askAgain = this.#asking;
    void this.#ask();
  }

  stop(): void {
    this.#stop.abort();
    this.#timer?.[Symbol.dispose]();
    this.#heartbeat?.[Symbol.dispose]();
  }

  async #ask(): Promise<void> {
    if (this.#asking || this.#stop.signal.aborted) return;
    this.#asking = true;
    this.#timer?.[Symbol.dispose]();
    try {
      const { signal } = this.#stop;
      this.#answered(await this.#client.call(overview, '/v1/overview', { timeoutMs: ANSWER_TIMEOUT_MS, signal }));
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.#failures += 1;
      const what = error instanceof Error ? error.message : String(error);
      this.#set(this.#state.data, explain(error) ?? { what, next: null });
    } finally {
      this.#asking = false;
    }
    if (this.#askAgain) {
      this.#askAgain = false;
      return this.#ask();
    }
    this.#timer = after(this.#pauseMs(), () => void this.#ask());
  }

  /** An answer that repeats the one before is not news: whatever stands between us and control, its data is as old. */
  #answered(data: Overview): void {
    this.#failures = 0;
    if (data.at !== this.#state.data?.at) this.#newAtMs = monotonicMs();
    this.#set(data, null);
  }

  #pauseMs(): number {
    if (this.#failures === 0) return this.#intervalMs;
    return Math.min(RETRY_CAP_MS, this.#intervalMs * 2 ** Math.min(this.#failures, 4));
  }

  /** Fresh data needs no second look: the next answer brings its own. */
  #grow(): void {
    const { data, trouble } = this.#state;
    if (trouble !== null || this.#ageMs() > this.#intervalMs + HEARTBEAT_MS) this.#set(data, trouble);
  }

  #ageMs(): number {
    return this.#newAtMs === null ? 0 : monotonicMs() - this.#newAtMs;
  }

  #set(data: Overview | null, trouble: Trouble | null): void {
    const ageMs = this.#newAtMs === null ? null : this.#ageMs();
    this.#state = { data, ageMs, stale: ageMs === null || ageMs > this.#staleMs, trouble };
    for (const listener of this.#listeners) listener();
  }
}
