import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { monotonicMs } from '../clock.ts';
import type { Metrics } from '../metrics.ts';
import { traceHeaders, withSpan } from '../tracing.ts';

/** Why we do not know what the other side did. Never proof that it did nothing. */
export type UnknownReason =
  | 'timeout'
  | 'aborted'
  | 'refused'
  | 'reset'
  | 'server_error'
  | 'redirect'
  | 'torn'
  | 'too_large';

/**
 * What a call to the outside came to. An `answer` is what the other side decided, 2xx and 4xx alike; everything else is
 * `unknown`: a payment whose answer got lost may well be a payment made.
 */
export type OutsideOutcome =
  | { readonly kind: 'answer'; readonly status: number; readonly body: unknown }
  | { readonly kind: 'unknown'; readonly reason: UnknownReason; readonly detail: string };

export interface OutsideCall {
  readonly url: string;
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, for signed bodies; wins over `body`. */
  readonly text?: string;
  readonly idempotencyKey?: string;
  /** From the first byte sent to the last byte read; default 5 s. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Who is called, as a metric label: `channel`. */
  readonly target?: string;
}

export interface OutsideOptions {
  readonly metrics?: Metrics;
  /** Connections per host; more calls than that wait. Default 256. */
  readonly maxSockets?: number;
}

const TIMEOUT_MS = 5_000;
const LIMIT_BYTES = 1024 * 1024;

/** HTTP to other services, over kept connections. */
export class Outside implements Disposable {
  readonly #http: HttpAgent;
  readonly #https: HttpsAgent;
  readonly #metrics: Metrics | undefined;

  constructor({ metrics, maxSockets = 256 }: OutsideOptions = {}) {
    // Shorter than the 60 s and more that servers keep an idle connection: it is the client who must close first.
    const options = {
      keepAlive: true,
      maxSockets,
      maxFreeSockets: maxSockets,
      timeout: 30_000,
      scheduling: 'lifo',
    } as const;
    this.#http = new HttpAgent(options);
    this.#https = new HttpsAgent(options);
    this.#metrics = metrics;
  }

  /** Never throws for what the network or the other side does. */
  async call(call: OutsideCall): Promise<OutsideOutcome> {
    const { target = 'outside', method = 'GET' } = call;
    const startedMs = monotonicMs();
    const attributes = { 'http.request.method': method, 'peer.service': target };
    return withSpan(`${method} ${target}`, { kind: 'client', attributes }, async (span) => {
      let outcome = await this.#once(call);
      // A kept connection that died while idle: the request may go again, if a repetition cannot do it twice.
      if (outcome === 'stale')
        outcome = await this.#once({ ...call, headers: { ...call.headers, connection: 'close' } });
      if (outcome === 'stale') outcome = unknown('reset', 'the connection was closed before an answer');
      if (outcome.kind === 'unknown') span.fail(outcome.reason);
      else span.set({ 'http.response.status_code': outcome.status });
      const label = outcome.kind === 'answer' ? `${Math.floor(outcome.status / 100)}xx` : outcome.reason;
      this.#metrics
        ?.histogram('outsideCallDuration', { target, outcome: label })
        .observe((monotonicMs() - startedMs) / 1000);
      return outcome;
    });
  }

  #once(call: OutsideCall): Promise<OutsideOutcome | 'stale'> {
    const { method = 'GET', timeoutMs = TIMEOUT_MS, signal } = call;
    if (signal?.aborted === true) return Promise.resolve(unknown('aborted', 'given up before it was sent'));
    const payload = call.text ?? (call.body === undefined ? undefined : JSON.stringify(call.body));
    const secure = call.url.startsWith('https:');
    const headers: Record<string, string | number> = { accept: 'application/json', ...traceHeaders() };
    if (payload !== undefined) {
      headers['content-type'] = 'application/json';
      headers['content-length'] = Buffer.byteLength(payload);
    }
    if (call.idempotencyKey !== undefined) headers['idempotency-key'] = call.idempotencyKey;
    Object.assign(headers, call.headers);
    return new Promise((resolve) => {
      const request = (secure ? httpsRequest : httpRequest)(call.url, {
        method,
        headers,
        agent: secure ? this.#https : this.#http,
      });
      let settled = false;
      const settle = (outcome: OutsideOutcome | 'stale'): void => {
        if (settled) return;
        settled = true;
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        // Destroying keeps an unfinished connection out of the pool; a finished one is back in it already.
        if (outcome === 'stale' || outcome.kind === 'unknown') request.destroy();
        resolve(outcome);
      };
      const timer = setTimeout(() => settle(unknown('timeout', `no answer within ${timeoutMs} ms`)), timeoutMs);
      const onAbort = (): void => settle(unknown('aborted', 'given up while it was under way'));
      signal?.addEventListener('abort', onAbort, { once: true });
      request.on('error', (error: NodeJS.ErrnoException) => settle(failureOf(error, request, call)));
      request.on('response', (response) => readAnswer(response, settle));
      request.end(payload);
    });
  }

  [Symbol.dispose](): void {
    this.#http.destroy();
    this.#https.destroy();
  }
}

function unknown(reason: UnknownReason, detail: string): OutsideOutcome {
  return { kind: 'unknown', reason, detail };
}

function failureOf(error: NodeJS.ErrnoException, request: ClientRequest, call: OutsideCall): OutsideOutcome | 'stale' {
  const lost = error.code === 'ECONNRESET' || error.code === 'EPIPE';
  const repeatable = call.method === undefined || call.method === 'GET' || call.idempotencyKey !== undefined;
  if (lost && request.reusedSocket && repeatable) return 'stale';
  if (error.code === 'ECONNREFUSED') return unknown('refused', 'nothing listens there');
  return unknown('reset', error.code ?? error.message);
}

function readAnswer(response: IncomingMessage, settle: (outcome: OutsideOutcome) => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  response.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > LIMIT_BYTES) settle(unknown('too_large', `the answer has more than ${LIMIT_BYTES} bytes`));
    else chunks.push(chunk);
  });
  // A body cut short ends in `error`; without a declared length a cut looks like an end, and torn JSON tells it.
  response.on('error', (error) => settle(unknown('torn', error.message)));
  response.on('end', () => settle(judge(response.statusCode ?? 0, chunks, size)));
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function judge(status: number, chunks: Buffer[], size: number): OutsideOutcome {
  if (status >= 500) return unknown('server_error', `answered ${status}`);
  if (status < 200 || (status >= 300 && status < 400)) return unknown('redirect', `answered ${status}`);
  if (size === 0) return { kind: 'answer', status, body: null };
  const [first] = chunks;
  const bytes = chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, size);
  try {
    const body: unknown = JSON.parse(utf8.decode(bytes));
    return { kind: 'answer', status, body };
  } catch {
    return unknown('torn', `answered ${status} with a body that is not JSON`);
  }
}
