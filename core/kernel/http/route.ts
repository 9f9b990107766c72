import { createRoute, OpenAPIHono, type RouteConfig, z } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import { requireRole } from '../access/guard.ts';
import type { Role } from '../access/roles.ts';
import type { AppEnv } from './context.ts';

/** How the edge treats one route, read before its handler runs. */
export interface RouteOptions {
  /** Who may come in. `open` needs no token: only for signed callbacks, whose signature is the credential. */
  readonly access: readonly [Role, ...Role[]] | 'open';
  /**
   * `text` bounds and decodes the body as for JSON but leaves the parsing to the handler: for formats that are JSON with
   * comments. `stream` hands the body on unread and unbounded: only for imports. Default `json`.
   */
  readonly body?: 'json' | 'text' | 'stream';
  /** Time until the request is given up; default 10 s. */
  readonly timeoutMs?: number;
}

export const ROUTE_OPTIONS: unique symbol = Symbol('route options');
type Marked = MiddlewareHandler<AppEnv> & { readonly [ROUTE_OPTIONS]: RouteOptions };

export function routeOptionsOf(handler: unknown): RouteOptions | undefined {
  return typeof handler === 'function' && ROUTE_OPTIONS in handler ? (handler as Marked)[ROUTE_OPTIONS] : undefined;
}

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string(),
    traceId: z.string(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .openapi('Problem');

const PROBLEM_RESPONSE = {
  description: 'A refusal (RFC 9457); `code` says which, see the error catalogue.',
  content: { 'application/problem+json': { schema: problemSchema } },
} as const;

type Responses = { readonly default: typeof PROBLEM_RESPONSE };

/**
 * Declares a route: who may come in, what it takes, what it answers. Adds what every route has (problems as the default
 * answer, the bearer scheme) and makes a declared body required, because the validator skips an optional one when no
 * content type is sent.
 */
export function route<const P extends string, const R extends Omit<RouteConfig, 'path' | 'middleware'> & { path: P }>(
  config: R & RouteOptions,
): ReturnType<typeof createRoute<P, Declared<R>>> {
  const { access, body, timeoutMs, ...rest } = config;
  const options: RouteOptions = {
    access,
    ...(body === undefined ? {} : { body }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  };
  const pass: MiddlewareHandler<AppEnv> = async (_c, next) => next();
  const guard = access === 'open' ? pass : requireRole(...access);
  const request =
    rest.request?.body === undefined
      ? rest.request
      : { ...rest.request, body: { ...rest.request.body, required: true } };
  const declared = {
    ...rest,
    ...(request === undefined ? {} : { request }),
    ...(access === 'open' ? {} : { security: [{ bearer: [] }], 'x-roles': access }),
    middleware: [Object.assign(guard, { [ROUTE_OPTIONS]: options })],
    responses: { ...rest.responses, default: PROBLEM_RESPONSE },
  };
  return createRoute(declared as unknown as Declared<R>) as ReturnType<typeof createRoute<P, Declared<R>>>;
}

type Declared<R> = R & { middleware: MiddlewareHandler<AppEnv>[] } & { responses: Responses };

/** `{ 200: … }` in one word: a JSON answer of `schema`, with an example of it. */
export function json<S extends z.ZodType>(schema: S, description: string, example?: z.output<S>) {
  return {
    description,
    content: { 'application/json': { schema, ...(example === undefined ? {} : { example }) } },
  } as const;
}

/** The body of a request in one word, with an example that can be sent as it stands. */
export function jsonBody<S extends z.ZodType>(schema: S, example?: z.input<S>) {
  return {
    required: true,
    content: { 'application/json': { schema, ...(example === undefined ? {} : { example }) } },
  } as const;
}

/** A router for one room; mount it with `app.route('/', router)`. */
export function createRouter(): OpenAPIHono<AppEnv> {
  return new OpenAPIHono<AppEnv>();
}
