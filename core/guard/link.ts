import type { z } from 'zod';
import { monotonicMs, sleep } from '../kernel/clock.ts';
import { Outside } from '../kernel/http/outside.ts';
import type { Logger } from '../kernel/log.ts';
import type { Random } from '../kernel/random.ts';
import type { Taken } from './holder.ts';
import {
  type ChangeMessage,
  changeMessage,
  type InstanceReport,
  type PositionMessage,
  positionMessage,
  REPORT_PATH,
  reportAnswer,
  type SetMessage,
  SIGN_OFF_PATH,
  STREAM_PATH,
  setMessage,
} from './protocol.ts';
import { readStream, type StreamEnd } from './stream.ts';

/** What the link hands on and asks for. */
export interface LinkPeer {
  takeSet(message: SetMessage): Taken;
  takeChange(message: ChangeMessage): Taken;
  takePosition(message: PositionMessage): Taken;
  report(problem: string | null): InstanceReport;
}

export interface LinkOptions {
  readonly url: string;
  readonly token: string;
  readonly random: Random;
  readonly log: Logger;
}

const BACKOFF_BASE_MS = 250;
/** So that an instance is back within 5 s of its control. */
const BACKOFF_CAP_MS = 4_000;
/** Three of control's positions missed. */
const SILENCE_MS = 6_000;
const HEARTBEAT_MS = 1_000;
const HEARTBEAT_MIN_MS = 200;
const HEARTBEAT_MAX_MS = 2_500;
const REPORT_TIMEOUT_MS = 2_000;
/** A stop must not wait for a control that is not there. */
const SIGN_OFF_TIMEOUT_MS = 1_000;
/** A stream that held so long was a good one: the next try begins at the shortest pause again. */
const GOOD_STREAM_MS = 10_000;

/**
 * The line to control: reads the rule stream, comes back when it breaks, and reports what is in force. Nothing here is
 * waited for by anybody: with control dead the two loops turn in their backoff and the rules stay.
 */
export class ControlLink implements AsyncDisposable {
  readonly #options: LinkOptions;
  readonly #peer: LinkPeer;
  readonly #outside = new Outside({ maxSockets: 2 });
  readonly #stop = new AbortController();
  readonly #loops: Promise<unknown>;
  #wake = new AbortController();
  #problem: string | null = null;
  /** On this connection control has said that the set which we hold is the newest. */
  #synced = false;
  #heard = false;
  #lastComplaint = '';

  constructor(options: LinkOptions, peer: LinkPeer) {
    this.#options = options;
    this.#peer = peer;
    this.#loops = Promise.all([this.#readLoop(), this.#reportLoop()]);
  }

  /** Whether the rule stream is open and what is in force is what it says. */
  get synced(): boolean {
    return this.#synced;
  }

  /** Sends the next report now: the acknowledgement of what was just swapped in. */
  acknowledge(): void {
    this.#wake.abort();
  }

  async #readLoop(): Promise<void> {
    const { url, token, log } = this.#options;
    const { signal } = this.#stop;
    let failures = 0;
    while (!signal.aborted) {
      const startedMs = monotonicMs();
      const end = await readStream({
        url: new URL(STREAM_PATH, url).href,
        token,
        signal,
        silenceMs: SILENCE_MS,
        onEvent: (event, data) => this.#onEvent(event, data),
      });
      const wasSynced = this.#synced;
      this.#synced = false;
      if (signal.aborted) return;
      failures = wasSynced && monotonicMs() - startedMs > GOOD_STREAM_MS ? 0 : failures + 1;
      this.#complain(end, wasSynced, log);
      await sleep(this.#pauseMs(failures), signal);
    }
  }

  /** Between half and all of an exponential step, so that instances that lost one control do not return as one. */
  #pauseMs(failures: number): number {
    const step = Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** Math.min(Math.max(0, failures - 1), 8));
    return step / 2 + (step / 2) * this.#options.random.next();
  }

  #complain(end: StreamEnd, wasSynced: boolean, log: Logger): void {
    if (end.kind === 'resync' || end.kind === 'garbage') {
      this.#problem = end.detail.slice(0, 300);
      this.acknowledge();
    }
    const complaint = `${end.kind}: ${end.detail}`;
    // The same failure again and again while control is away is one line, not one each try.
    if (complaint === this.#lastComplaint && !wasSynced) return;
    this.#lastComplaint = complaint;
    log.warn({ end: end.kind, detail: end.detail }, 'the rule stream ended; the rules in force stay');
  }

  #onEvent(event: string, data: string): string | undefined {
    const taken = this.#take(event, data);
    if (taken === undefined || taken.kind === 'older') return undefined;
    if (taken.kind === 'resync') return taken.reason;
    if (!this.#synced) this.#options.log.info('in step with control');
    this.#synced = true;
    this.#problem = null;
    this.#lastComplaint = '';
    return undefined;
  }

  #take(event: string, data: string): Taken | undefined {
    if (event === 'set') return parsed(setMessage, data, (message) => this.#peer.takeSet(message));
    if (event === 'change') return parsed(changeMessage, data, (message) => this.#peer.takeChange(message));
    if (event === 'position') return parsed(positionMessage, data, (message) => this.#peer.takePosition(message));
    // A newer control may say more.
    return undefined;
  }

  async #reportLoop(): Promise<void> {
    let pauseMs = 0;
    let refused = '';
    while (!this.#stop.signal.aborted) {
      await sleep(pauseMs, this.#wake.signal);
      if (this.#stop.signal.aborted) return;
      if (this.#wake.signal.aborted) this.#wake = new AbortController();
      const outcome = await this.#post(REPORT_PATH, this.#peer.report(this.#problem), REPORT_TIMEOUT_MS);
      if (outcome.kind === 'answer' && outcome.status === 200) {
        this.#heard = true;
        refused = '';
        const answer = reportAnswer.safeParse(outcome.body);
        const askedMs = answer.success ? answer.data.heartbeatMs : HEARTBEAT_MS;
        pauseMs = Math.min(HEARTBEAT_MAX_MS, Math.max(HEARTBEAT_MIN_MS, askedMs));
        continue;
      }
      pauseMs = HEARTBEAT_MS;
      const why = outcome.kind === 'answer' ? `answered ${outcome.status}` : '';
      if (why !== '' && why !== refused) this.#options.log.warn({ why }, 'control does not take our reports');
      refused = why;
    }
  }

  #post(path: string, body: unknown, timeoutMs: number) {
    const { url, token } = this.#options;
    const headers = { authorization: `Bearer ${token}` };
    return this.#outside.call({
      url: new URL(path, url).href,
      method: 'POST',
      headers,
      body,
      timeoutMs,
      target: 'control',
    });
  }

  /** Signs off, so that a planned stop is no straggler, and closes. Takes about a second at most. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#wake.abort();
    await this.#loops;
    if (this.#heard) await this.#post(SIGN_OFF_PATH, {}, SIGN_OFF_TIMEOUT_MS);
    this.#outside[Symbol.dispose]();
  }
}

function parsed<T>(schema: z.ZodType<T>, data: string, take: (message: T) => Taken): Taken {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    return { kind: 'resync', reason: 'a message that is not JSON' };
  }
  const fits = schema.safeParse(value);
  return fits.success ? take(fits.data) : { kind: 'resync', reason: 'a message that does not fit the protocol' };
}
