import type { IncomingMessage } from 'node:http';
import { type ParseError, parseTree } from 'jsonc-parser';
import { RefusalError, refuse } from '../errors.ts';
import type { AppContext } from './context.ts';

export const BODY_LIMIT_BYTES = 1024 * 1024;

const JSON_TYPE = /^application\/(?:[a-z0-9.-]+\+)?json(?:\s*;|$)/i;
/**
 * An escape that may stand for a NUL or for half a surrogate pair, which Postgres can keep in neither text nor jsonb; and
 * what may be the key `__proto__`, plain or with its underscores escaped, which no field is called.
 */
const SUSPECT = /\\u(?:0000|005f|d[89a-f][0-9a-f]{2})|__proto__/i;

/**
 * Reads, bounds and parses the body before any handler sees it, and leaves both the text (webhook signatures are over
 * the text) and the parsed value where hono looks for them; `text` leaves the parsing to the handler. The reading stops
 * at the limit, so that a chunked body without a length costs no more memory than an honest one.
 *
 * @throws RefusalError body_too_large, unsupported_media_type, malformed_text, malformed_json, invalid_request
 */
export async function readBody(c: AppContext, as: 'json' | 'text' = 'json'): Promise<void> {
  const incoming = c.env?.incoming;
  const bytes = incoming === undefined ? await readStream(c) : await readNode(incoming);
  if (bytes === undefined) return;
  const contentType = c.req.header('content-type');
  if (contentType === undefined || !JSON_TYPE.test(contentType)) {
    const sent = contentType === undefined ? 'no Content-Type' : `Content-Type ${contentType.slice(0, 100)}`;
    throw new RefusalError(
      refuse('unsupported_media_type', `Send the body as application/json; it came with ${sent}.`),
    );
  }
  const text = decode(bytes);
  // hono types the cache by what it resolves to.
  c.req.bodyCache.text = Promise.resolve(text) as unknown as string;
  if (as === 'text') return;
  const value = parse(text);
  if (SUSPECT.test(text)) refuseUnstorable(value);
  c.req.json = <T>() => Promise.resolve(value as T);
}

function tooLarge(): RefusalError {
  return new RefusalError(refuse('body_too_large', `The body may have ${BODY_LIMIT_BYTES} bytes at most.`));
}

/** `undefined` when the request has no body. */
async function readNode(incoming: IncomingMessage): Promise<Buffer | undefined> {
  const declared = incoming.headers['content-length'];
  if (declared === undefined && incoming.headers['transfer-encoding'] === undefined) return undefined;
  if (declared !== undefined && Number(declared) > BODY_LIMIT_BYTES) throw tooLarge();
  if (declared === '0') return undefined;
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const finish = (act: () => void): void => {
      incoming.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone);
      act();
    };
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      chunks.push(chunk);
      if (size <= BODY_LIMIT_BYTES) return;
      incoming.pause();
      finish(() => reject(tooLarge()));
    };
    const onEnd = (): void => finish(() => resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, size)));
    const onGone = (): void =>
      finish(() => reject(new RefusalError(refuse('malformed_json', 'The body ended before its declared length.'))));
    incoming.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone);
  });
}

async function readStream(c: AppContext): Promise<Buffer | undefined> {
  if (c.req.raw.body === null) return undefined;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of c.req.raw.body as ReadableStream<Uint8Array>) {
    size += chunk.length;
    if (size > BODY_LIMIT_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function decode(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new RefusalError(refuse('malformed_text', 'The body holds bytes that are not UTF-8.'));
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new RefusalError(refuse('malformed_json', `The body is not JSON: ${whereBroken(text)}.`));
  }
}

/** "line 2, column 7". The engine's own message names a position only sometimes, and quotes the body. */
function whereBroken(text: string): string {
  if (text.trim() === '') return 'it is empty';
  const errors: ParseError[] = [];
  try {
    parseTree(text, errors, { disallowComments: true, allowTrailingComma: false, allowEmptyContent: false });
  } catch {
    return 'it is nested too deeply';
  }
  const offset = errors[0]?.offset;
  if (offset === undefined) return 'it breaks off';
  const before = text.slice(0, offset);
  const line = before.split('\n').length;
  return `line ${line}, column ${offset - before.lastIndexOf('\n')}`;
}

function refuseUnstorable(root: unknown): void {
  const pending: { value: unknown; path: string }[] = [{ value: root, path: '' }];
  for (let item = pending.pop(); item !== undefined; item = pending.pop()) {
    const { value, path } = item;
    if (typeof value === 'string') checkText(value, path);
    else if (typeof value === 'object' && value !== null) {
      for (const [key, inner] of Object.entries(value)) {
        checkText(key, path);
        const at = path === '' ? key : `${path}.${key}`;
        // Validators look at records member by member and would let it fall silently.
        if (key === '__proto__')
          refuseField('__proto__ is not a field of any request', at, 'is not a field of this request');
        pending.push({ value: inner, path: at });
      }
    }
  }
}

function checkText(text: string, path: string): void {
  if (!text.includes('\0') && text.isWellFormed()) return;
  const message = 'must not hold NUL or half a surrogate pair';
  refuseField('The body holds a NUL character or half a surrogate pair, which cannot be stored', path, message);
}

function refuseField(what: string, path: string, message: string): never {
  const errors = [{ path: path.slice(0, 200), message }];
  throw new RefusalError(refuse('invalid_request', `${what}.`, { errors }));
}
