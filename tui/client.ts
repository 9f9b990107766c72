import { z } from 'zod';
import { problem as problemSchema } from '../control/api/contract.ts';

/** What a server refused, told as its problem document tells it. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly traceId: string | null;

  constructor(status: number, code: string, title: string, detail: string, traceId: string | null) {
    super(detail);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.title = title;
    this.traceId = traceId;
  }
}

/** The server does not answer. */
export class Unreachable extends Error {
  /** In a few words, without the address. */
  readonly reason: string;

  constructor(url: string, cause: unknown) {
    const reason = reasonOf(cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause);
    super(`${new URL(url).origin} does not answer (${reason})`, { cause });
    this.name = 'Unreachable';
    this.reason = reason;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  ENOTFOUND: 'no such host',
  EHOSTUNREACH: 'no way to the host',
  TimeoutError: 'timed out',
};

/** The system's own words name the address once more, and a line of 80 columns has no room for it twice. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const code = 'code' in cause ? String(cause.code) : '';
  return REASONS[code] ?? REASONS[cause.name] ?? cause.message;
}

export interface Request {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** A JSON client of one server, with one token. */
export class Client {
  readonly #base: string;
  readonly #token: string | null;

  constructor(base: string, token: string | null) {
    this.#base = base;
    this.#token = token;
  }

  /** Sends and reads JSON. Throws `ApiError` for what the server refused and `Unreachable` when it does not answer. */
  async call<S extends z.ZodType>(schema: S, path: string, request: Request = {}): Promise<z.output<S>> {
    const url = `${this.#base}${path}`;
    const timeout = AbortSignal.timeout(request.timeoutMs ?? 10_000);
    let status: number;
    let text: string;
    try {
      const response = await fetch(url, {
        method: request.method ?? 'GET',
        headers: {
          accept: 'application/json',
          ...(this.#token === null ? {} : { authorization: `Bearer ${this.#token}` }),
          ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...request.headers,
        },
        ...(request.body === undefined
          ? {}
          : { body: typeof request.body === 'string' ? request.body : JSON.stringify(request.body) }),
        signal: request.signal === undefined ? timeout : AbortSignal.any([timeout, request.signal]),
      });
      status = response.status;
      text = await response.text();
    } catch (error) {
      request.signal?.throwIfAborted();
      throw new Unreachable(url, error);
    }
    const body = parse(text);
    if (status >= 400) throw toError(status, body);
    const parsed = schema.safeParse(body);
    if (parsed.success) return parsed.data;
    throw new ApiError(
      status,
      'unexpected_answer',
      'The server answered something else',
      z.prettifyError(parsed.error),
      null,
    );
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function toError(status: number, body: unknown): ApiError {
  const parsed = problemSchema.safeParse(body);
  if (!parsed.success)
    return new ApiError(status, `http_${status}`, `Status ${status}`, 'the server gave no reason', null);
  const { code, title, detail, traceId, errors = [] } = parsed.data;
  const fields = errors.slice(0, 3).map((e) => ` [${e.path}: ${e.message}]`);
  return new ApiError(status, code, title, detail + fields.join(''), traceId ?? null);
}
