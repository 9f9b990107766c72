import type { RefusalError } from '../errors.ts';

/** What the edge knows about one request, from its first byte to its last. */
export class RequestScope {
  readonly requestId: string;
  readonly traceId: string;
  readonly startedMs: number;
  /** The client hung up: whatever is answered now, nobody reads. */
  gone = false;
  #controller: AbortController | undefined;
  #reason: RefusalError | undefined;

  constructor(requestId: string, traceId: string, startedMs: number) {
    this.requestId = requestId;
    this.traceId = traceId;
    this.startedMs = startedMs;
  }

  /** Fires when the answer is no longer awaited: time-out, or the reader of a GET is gone. Made when first asked for. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** Why the signal fired: also the answer, when giving up is what made the handler throw. */
  get abortedWith(): RefusalError | undefined {
    return this.#reason;
  }

  abort(reason: RefusalError): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#controller?.abort(reason);
  }
}
