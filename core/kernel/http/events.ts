import type { AppContext } from './context.ts';

/** One server-sent event. `data` is written as JSON. */
export interface ServerEvent {
  readonly id?: string;
  readonly event?: string;
  readonly data: unknown;
}

/** An open stream to one client. */
export interface EventStream {
  /** Fires when the stream is over: the client has gone or is too slow, its token ended, or the process stops. */
  readonly signal: AbortSignal;
  /**
   * Queues an event, or a frame of `encodeEvent` so that a fan-out encodes once. Never waits; `false` when the stream is
   * over, which it is too once a client is 1 MiB behind: it comes back and catches up from `Last-Event-ID`.
   */
  send(event: ServerEvent | Uint8Array): boolean;
}

const MAX_BEHIND_BYTES = 1024 * 1024;
/** Finds dead peers, and keeps proxies (which give up at 60 s) from closing a quiet stream. */
const HEARTBEAT_MS = 15_000;

const encoder = new TextEncoder();
const HEARTBEAT = encoder.encode(': still here\n\n');

/** The bytes of an event as `text/event-stream` has them. */
export function encodeEvent({ id, event, data }: ServerEvent): Uint8Array {
  const head = `${id === undefined ? '' : `id: ${oneLine(id)}\n`}${event === undefined ? '' : `event: ${oneLine(event)}\n`}`;
  return encoder.encode(`${head}data: ${JSON.stringify(data)}\n\n`);
}

function oneLine(text: string): string {
  return text.replace(/[\r\n\0]/g, '');
}

/**
 * Answers with a stream of events. `run` may subscribe and return a promise that it settles when it has nothing more to
 * say; the stream then ends, as it does when `stream.signal` fires.
 */
export function eventStream(c: AppContext, run: (stream: EventStream) => Promise<void>): Response {
  const { lifecycle, auth, log } = c.get('app');
  const over = new AbortController();
  const end = (why: string): void => over.abort(new Error(why));
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;

  const send = (event: ServerEvent | Uint8Array): boolean => {
    if (over.signal.aborted || controller === undefined) return false;
    if ((controller.desiredSize ?? 0) < 0) {
      end('the client is too slow');
      return false;
    }
    controller.enqueue(event instanceof Uint8Array ? event : encodeEvent(event));
    return true;
  };

  const body = new ReadableStream<Uint8Array>(
    {
      start(opened) {
        controller = opened;
      },
      cancel: () => end('the client has gone'),
    },
    { highWaterMark: MAX_BEHIND_BYTES, size: (chunk) => chunk.byteLength },
  );

  const onDrain = (): void => end('the process is stopping');
  lifecycle.draining.addEventListener('abort', onDrain, { once: true });
  const principal = c.get('principal');
  const token = principal === undefined ? undefined : auth?.watch(principal, () => end('the token has ended'));
  const heartbeat = setInterval(() => send(HEARTBEAT), HEARTBEAT_MS);
  over.signal.addEventListener(
    'abort',
    () => {
      lifecycle.draining.removeEventListener('abort', onDrain);
      token?.[Symbol.dispose]();
      clearInterval(heartbeat);
      try {
        controller?.close();
      } catch {
        // The client closed it first.
      }
    },
    { once: true },
  );
  if (lifecycle.draining.aborted) onDrain();
  void run({ signal: over.signal, send }).then(
    () => end('done'),
    (error: unknown) => {
      log.error({ err: error }, 'the source of a stream broke; its clients come back');
      end('its source broke');
    },
  );
  return c.body(body, 200, { 'Content-Type': 'text/event-stream', 'X-Accel-Buffering': 'no' });
}
