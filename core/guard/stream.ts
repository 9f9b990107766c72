import { createParser } from 'eventsource-parser';
import { after } from '../kernel/clock.ts';

/** How a connection to control's rule stream came to its end. Every one of them is followed by another try. */
export interface StreamEnd {
  readonly kind: 'unreachable' | 'refused' | 'ended' | 'silent' | 'garbage' | 'resync' | 'aborted';
  readonly detail: string;
}

export interface StreamOptions {
  readonly url: string;
  readonly token: string;
  readonly signal: AbortSignal;
  /** After so long without a byte the other end counts as gone: control sends its position every 2 s. */
  readonly silenceMs: number;
  /** Returns why the stream must be read anew, or nothing. */
  readonly onEvent: (event: string, data: string) => string | undefined;
}

/** A rule set of 10,000 rules is about 2 MiB; a peer that sends more without an end is not control. */
const MAX_BUFFERED_CHARS = 32 * 1024 * 1024;

/** Reads one connection from its first byte to its end. Never throws. */
export async function readStream(options: StreamOptions): Promise<StreamEnd> {
  const cut = new AbortController();
  let end: StreamEnd | undefined;
  let opened = false;
  const finish = (kind: StreamEnd['kind'], detail: string): void => {
    end ??= { kind, detail };
    cut.abort();
  };
  const onAbort = (): void => finish('aborted', 'this process stops');
  if (options.signal.aborted) onAbort();
  options.signal.addEventListener('abort', onAbort, { once: true });
  const silent = (): void => finish('silent', `nothing was heard for ${options.silenceMs} ms`);
  let watchdog = after(options.silenceMs, silent);
  const onBytes = (): void => {
    watchdog[Symbol.dispose]();
    watchdog = after(options.silenceMs, silent);
  };
  try {
    const response = await fetch(options.url, {
      headers: { authorization: `Bearer ${options.token}`, accept: 'text/event-stream' },
      redirect: 'error',
      signal: cut.signal,
    });
    const refused = await refusalIn(response);
    opened = refused === undefined;
    if (refused === undefined) await readEvents(response, options, finish, onBytes);
    else finish(refused.kind, refused.detail);
    finish('ended', 'control closed the stream');
  } catch (error) {
    const cause = causeOf(error);
    if (cause === 'ERR_ENCODING_INVALID_ENCODED_DATA') finish('garbage', 'bytes that are not UTF-8');
    else finish(opened ? 'ended' : 'unreachable', cause);
  } finally {
    watchdog[Symbol.dispose]();
    options.signal.removeEventListener('abort', onAbort);
  }
  return end ?? { kind: 'ended', detail: '' };
}

async function refusalIn(response: Response): Promise<StreamEnd | undefined> {
  const type = response.headers.get('content-type') ?? 'no type';
  if (response.status === 200 && type.startsWith('text/event-stream')) return undefined;
  await response.body?.cancel();
  if (response.status === 200) return { kind: 'garbage', detail: `answered ${type} instead of an event stream` };
  return { kind: 'refused', detail: `answered ${response.status}` };
}

async function readEvents(
  response: Response,
  { onEvent }: StreamOptions,
  finish: (kind: StreamEnd['kind'], detail: string) => void,
  onBytes: () => void,
): Promise<void> {
  let ended = false;
  const stop = (kind: StreamEnd['kind'], detail: string): void => {
    ended = true;
    finish(kind, detail);
  };
  const parser = createParser({
    maxBufferSize: MAX_BUFFERED_CHARS,
    onEvent: ({ event = 'message', data }) => {
      if (ended) return;
      const reason = onEvent(event, data);
      if (reason !== undefined) stop('resync', reason);
    },
    onError: (error) => stop('garbage', error.message.slice(0, 200)),
  });
  if (response.body === null) return;
  for await (const text of response.body.pipeThrough(new TextDecoderStream('utf-8', { fatal: true }))) {
    onBytes();
    parser.feed(text);
    if (ended) return;
  }
}

/** The code of what went wrong, which fetch hides one level down; its message where it has no code. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  const inner = cause instanceof Error ? cause : error;
  return 'code' in inner ? String(inner.code) : inner.message;
}
