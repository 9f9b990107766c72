import type { TypedResponse } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { ERRORS, type ErrorCode, type Refusal, RefusalError, type Result, refuse } from '../errors.ts';
import type { AppContext } from './context.ts';

/** RFC 9457, with the members that Tidegate adds. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly traceId: string;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
}

/** Members of the document that a refusal's `meta` cannot take over. */
const RESERVED = new Set(['type', 'title', 'status', 'detail', 'code', 'traceId', 'errors']);

/** The problem document of a refusal. `retryAfterMs` in its `meta` also becomes the `Retry-After` header. */
export function problemOf(refusal: Refusal, traceId: string): Problem {
  const { status, title } = ERRORS[refusal.code];
  const extra: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(refusal.meta ?? {})) if (!RESERVED.has(key)) extra[key] = value;
  return {
    ...extra,
    type: `/docs/errors#${refusal.code}`,
    title,
    status,
    detail: refusal.detail,
    code: refusal.code,
    traceId,
    ...(refusal.errors === undefined ? {} : { errors: refusal.errors }),
  };
}

/** The one place where a refusal becomes an HTTP answer. */
export function problem(c: AppContext, refusal: Refusal): Response {
  const document = problemOf(refusal, c.get('scope')?.traceId ?? '');
  const headers: Record<string, string> = { 'Content-Type': 'application/problem+json' };
  const retryAfterMs = refusal.meta?.['retryAfterMs'];
  if (typeof retryAfterMs === 'number') headers['Retry-After'] = String(Math.max(1, Math.ceil(retryAfterMs / 1000)));
  else if (document.status === 503) headers['Retry-After'] = '1';
  if (document.status === 401) headers['WWW-Authenticate'] = 'Bearer realm="tidegate"';
  return c.body(JSON.stringify(document), document.status as ContentfulStatusCode, headers);
}

/**
 * Answers with the value of a result, or with the problem its refusal stands for. The type is that of the good answer:
 * problems are declared once per route as `default` by `route()`.
 */
export function reply(c: AppContext, refusal: Refusal): Response & TypedResponse<never, never, 'json'>;
export function reply<T>(c: AppContext, result: Result<T>): Response & TypedResponse<T, 200, 'json'>;
export function reply<T, S extends ContentfulStatusCode>(
  c: AppContext,
  result: Result<T>,
  status: S,
): Response & TypedResponse<T, S, 'json'>;
export function reply<T>(c: AppContext, result: Result<T>, status: ContentfulStatusCode = 200): Response {
  return result.ok ? c.body(JSON.stringify(result.value), status, JSON_HEADERS) : problem(c, result);
}

const JSON_HEADERS = { 'Content-Type': 'application/json' } as const;

/** What a thrown error means to the caller; `undefined` when it means nothing but our own fault. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof RefusalError) return error.refusal;
  if (error instanceof HTTPException) return ofHttpException(error);
  for (let e: unknown = error, depth = 0; e instanceof Error && depth < 5; e = e.cause, depth += 1) {
    if (e.name === 'DatabaseUnavailable') {
      return refuse('unavailable', 'The database does not answer; try again.', { meta: { retryAfterMs: 1000 } });
    }
    if (e.name === 'CommitUnknown') {
      return refuse(
        'unavailable',
        'The database went away while this was written: it may have taken effect. Ask before you repeat it.',
      );
    }
  }
  return undefined;
}

/** hono and its validators throw these; only a few of their statuses can occur. */
function ofHttpException(error: HTTPException): Refusal | undefined {
  switch (error.status) {
    case 400:
      return refuse('malformed_json', 'The body could not be read as JSON.');
    case 401:
      return refuse('unauthenticated', 'Send a bearer token.');
    case 413:
      return refuse('body_too_large', 'The body is too large.');
    case 415:
      return refuse('unsupported_media_type', 'Send the body as application/json.');
    default:
      return undefined;
  }
}
