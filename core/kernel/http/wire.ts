import { z } from '@hono/zod-openapi';
import { ok, type Refusal, type Result, refuse } from '../errors.ts';

/** An object of the wire: unknown fields are refused, so that a misspelt one is never silently ignored. */
function object<S extends z.ZodRawShape>(shape: S) {
  return z.strictObject(shape);
}

const MAX_CURSOR_CHARS = 1024;
const MAX_PAGE = 200;

const idempotencyKey = z
  .string()
  .regex(/^[\x21-\x7e]{1,255}$/, 'must be 1 to 255 visible ASCII characters')
  .openapi({ description: 'The same key with the same body answers the same again; with another body it is refused.' });

/** A version in a header, as `ETag` writes it: `"7"`. */
const ifMatch = z
  .string()
  .regex(/^"\d{1,15}"$/, 'must be the ETag that was read, such as "7"')
  .openapi({ description: 'The version that was read; another one is refused with 412.', example: '"7"' });

/** The vocabulary of the wire contract. */
export const wire = {
  object,
  /** Headers of a write; routes add their own beside it. */
  idempotencyHeaders: z.object({ 'idempotency-key': idempotencyKey }),
  ifMatchHeaders: z.object({ 'if-match': ifMatch }),
  /** `?cursor=&limit=` of every list. */
  page: object({
    cursor: z.string().max(MAX_CURSOR_CHARS).optional(),
    limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(50),
  }),
  /** RFC 3339 in UTC, as every time on the wire. */
  time: z.iso.datetime({ offset: false }),
} as const;

/** The version inside an `If-Match` value that fits `wire.ifMatchHeaders`. */
export function versionOf(ifMatchValue: string): number {
  return Number(ifMatchValue.slice(1, -1));
}

export function etagOf(version: number): string {
  return `"${version}"`;
}

/** An opaque cursor: the place in a list as base64url of JSON. Callers pass it back and read nothing from it. */
export function encodeCursor(place: unknown): string {
  return Buffer.from(JSON.stringify(place), 'utf8').toString('base64url');
}

/** Reads a cursor back. It came from outside: it must fit `schema`, or it is `invalid_cursor`. */
export function decodeCursor<T>(schema: z.ZodType<T>, cursor: string): Result<T> {
  const refusal = refuse('invalid_cursor', 'Pass a cursor back as it was given, or leave it out to begin anew.');
  if (cursor.length > MAX_CURSOR_CHARS || !/^[A-Za-z0-9_-]+$/.test(cursor)) return refusal;
  try {
    const parsed = schema.safeParse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')));
    return parsed.success ? ok(parsed.data) : refusal;
  } catch {
    return refusal;
  }
}

const MAX_FIELD_ERRORS = 20;

/** One entry per field that does not fit, the path as in `items.0.quantity`; at most 20. */
export function refuseFields(error: z.ZodError, where: string): Refusal {
  const errors = error.issues.flatMap((issue) => {
    const path = issue.path.map(String);
    if (issue.code !== 'unrecognized_keys') {
      // zod says "received undefined" of what was not sent; JSON knows no undefined.
      const missing = issue.code === 'invalid_type' && issue.message.endsWith('received undefined');
      return [{ path: path.join('.'), message: missing ? 'is missing' : issue.message }];
    }
    return issue.keys.map((key) => ({ path: [...path, key].join('.'), message: 'is not a field of this request' }));
  });
  const first = errors[0];
  const named = first === undefined || first.path === '' ? where : `${where} field ${first.path.slice(0, 200)}`;
  return refuse('invalid_request', `The ${named} does not fit: ${first?.message ?? 'see errors'}.`, {
    errors: errors.slice(0, MAX_FIELD_ERRORS),
  });
}
