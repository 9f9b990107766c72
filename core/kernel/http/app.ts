import { OpenAPIHono } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';
import { type Authenticator, allowedRolesOf } from '../access/guard.ts';
import { monotonicMs } from '../clock.ts';
import { RefusalError, refuse } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { systemRandom } from '../random.ts';
import { parseTraceparent, withSpan } from '../tracing.ts';
import { readBody } from './body.ts';
import { type AppContext, type AppEnv, RequestScope } from './context.ts';
import { Lifecycle } from './lifecycle.ts';
import { problem, refusalOf } from './problem.ts';
import { type RouteOptions, routeOptionsOf } from './route.ts';
import { mountStandardRoutes, type Probe } from './standard.routes.ts';
import { refuseFields } from './wire.ts';

export interface AppDeps {
  /** The process, as the `process` label of its metrics. */
  readonly process: string;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Without it no route can ask for a role; every route must then be `open`. */
  readonly auth?: Authenticator | undefined;
  readonly title: string;
  readonly version: string;
  /** What `/readyz` asks, by name: each must settle well within 2 s. */
  readonly ready?: Readonly<Record<string, Probe>>;
  /** Time until a request is given up, unless its route says otherwise; default 10 s. */
  readonly timeoutMs?: number;
}

export const REQUEST_TIMEOUT_MS = 10_000;

/** An app with the edge of the house around its routes. Rooms make routers with `createRouter` and mount them. */
export class App extends OpenAPIHono<AppEnv> {
  readonly lifecycle = new Lifecycle();
  readonly deps: AppDeps;

  constructor(deps: AppDeps) {
    super({
      defaultHook: (result, c: AppContext) => {
        if (result.success) return undefined;
        if (result.target === 'header') {
          const missing = missingHeader(c, result.error.issues[0]?.path[0]);
          if (missing !== undefined) return problem(c, missing);
        }
        return problem(c, refuseFields(result.error, PLACES[result.target]));
      },
    });
    this.deps = deps;
  }
}

const PLACES = {
  json: 'body',
  form: 'body',
  query: 'query',
  param: 'path',
  header: 'header',
  cookie: 'cookie',
} as const;

function missingHeader(c: AppContext, name: unknown) {
  if (typeof name !== 'string' || c.req.header(name) !== undefined) return undefined;
  if (name === 'idempotency-key')
    return refuse('idempotency_key_missing', 'Send an Idempotency-Key header with this write.');
  if (name === 'if-match') return refuse('if_match_missing', 'Send the ETag that you read as If-Match.');
  return undefined;
}

/** A router for one room; mount it with `app.route('/', router)`. */
export function createRouter(): OpenAPIHono<AppEnv> {
  return new OpenAPIHono<AppEnv>();
}

export function createApp(deps: AppDeps): App {
  const app = new App(deps);
  app.use('*', edge(app));
  app.use('*', gate(app));
  app.onError((error, c) => answerError(app, error, c));
  app.notFound((c) => answerUnknown(app, c));
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer' });
  mountStandardRoutes(app);
  return app;
}

const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;

/** The outermost layer: ids, trace, headers, the duration metric and the line in the log. */
function edge(app: App): MiddlewareHandler<AppEnv> {
  const { log, metrics, process } = app.deps;
  return async (c, next) => {
    const startedMs = monotonicMs();
    const remote = parseTraceparent(c.req.header('traceparent'), c.req.header('tracestate'));
    await withSpan(c.req.method, { kind: 'server', remote }, async (span) => {
      const scope = new RequestScope(requestId(c), span.traceId, startedMs);
      c.set('scope', scope);
      setHeaders(c, scope, app.lifecycle.draining.aborted);
      app.lifecycle.enter(scope);
      try {
        await next();
      } finally {
        app.lifecycle.leave(scope);
        const plan = planOf(c);
        const { status } = c.res;
        const seconds = (monotonicMs() - startedMs) / 1000;
        const labels = {
          process,
          route: plan?.template ?? 'unknown',
          method: boundedMethod(c.req.method),
          status: String(status),
        };
        metrics.histogram('httpRequestDuration', labels).observe(seconds);
        span.rename(`${labels.method} ${labels.route}`);
        span.set({
          'http.request.method': labels.method,
          'http.route': labels.route,
          'http.response.status_code': status,
        });
        if (status >= 500) span.fail(`answered ${status}`);
        if (log.isLevelEnabled('debug')) {
          log.debug(
            { method: c.req.method, route: labels.route, status, seconds, requestId: scope.requestId },
            'request',
          );
        }
      }
    });
  };
}

function requestId(c: AppContext): string {
  const sent = c.req.header('x-request-id');
  if (sent !== undefined && REQUEST_ID.test(sent)) return sent;
  return Buffer.from(systemRandom.bytes(12)).toString('base64url');
}

const KNOWN_METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
function boundedMethod(method: string): string {
  return KNOWN_METHODS.has(method) ? method : 'other';
}

function setHeaders(c: AppContext, scope: RequestScope, draining: boolean): void {
  c.header('X-Request-Id', scope.requestId);
  c.header('X-Trace-Id', scope.traceId);
  c.header('Cache-Control', 'no-store');
  c.header('X-Content-Type-Options', 'nosniff');
  c.header('Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'");
  if (draining) c.header('Connection', 'close');
}

/** Who may come in, with what, for how long. */
function gate(app: App): MiddlewareHandler<AppEnv> {
  const { auth, timeoutMs = REQUEST_TIMEOUT_MS } = app.deps;
  return async (c, next) => {
    const plan = planOf(c);
    if (plan === undefined) return next();
    const scope = c.get('scope');
    if (c.req.method === 'GET') watchReader(c, scope);
    const work = async (): Promise<Response | undefined> => {
      if (c.req.url.includes('%00')) return problem(c, refuse('invalid_request', 'The address holds a NUL character.'));
      if (plan.options.access !== 'open') {
        if (auth === undefined) throw new Error(`${plan.template} asks for a role, but the app was made without auth`);
        const who = await auth.authenticate(c.req.header('authorization'));
        if (!who.ok) return problem(c, who);
        c.set('principal', who.value);
      }
      if (plan.options.body !== 'stream' && c.req.method !== 'GET') await readBody(c);
      await next();
      return undefined;
    };
    return within(plan.options.timeoutMs ?? timeoutMs, scope, work);
  };
}

async function within<T>(timeoutMs: number, scope: RequestScope, work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const error = new RefusalError(
        refuse('request_timeout', `This took longer than ${timeoutMs} ms; it may still take effect.`),
      );
      scope.abort(error);
      reject(error);
    }, timeoutMs);
  });
  try {
    return await Promise.race([work(), timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** A reader that hung up needs no answer. Writes run to their end: half-done work would cost a repair. */
function watchReader(c: AppContext, scope: RequestScope): void {
  const outgoing = c.env?.outgoing;
  outgoing?.once('close', () => {
    if (!outgoing.writableFinished) scope.abort(new Error('the client has gone'));
  });
}

interface Plan {
  readonly template: string;
  readonly options: RouteOptions;
}

const plans = new WeakMap<object, Plan>();

/** What is known of the route that will answer: the first that is not a middleware. `undefined` when none will. */
function planOf(c: AppContext): Plan | undefined {
  const routes = matchedRoutes(c);
  const endpoint = routes.find((r) => r.method !== 'ALL');
  if (endpoint === undefined) return undefined;
  const known = plans.get(endpoint);
  if (known !== undefined) return known;
  let options: RouteOptions | undefined;
  for (const { handler, path, method } of routes) {
    if (path !== endpoint.path || method !== endpoint.method) continue;
    const [first, ...rest] = allowedRolesOf(handler) ?? [];
    options ??= routeOptionsOf(handler) ?? (first === undefined ? undefined : { access: [first, ...rest] });
  }
  if (options === undefined)
    throw new Error(`${endpoint.method} ${endpoint.path} does not say who may come in; declare it with route()`);
  const plan = { template: endpoint.path, options };
  plans.set(endpoint, plan);
  return plan;
}

function answerError(app: App, error: Error, c: AppContext): Response {
  const refusal = refusalOf(error);
  if (refusal?.code === 'body_too_large') c.header('Connection', 'close');
  if (refusal === undefined || refusal.code === 'unavailable' || refusal.code === 'request_timeout') {
    const level = refusal === undefined ? 'error' : 'warn';
    app.deps.log[level]({ err: error, method: c.req.method, requestId: c.get('scope')?.requestId }, 'request failed');
  }
  return problem(c, refusal ?? refuse('internal', 'Something broke on our side; the trace id finds it in our logs.'));
}

/** Another method is known at this address: 405 with `Allow`; nothing is: 404. */
function answerUnknown(app: App, c: AppContext): Response {
  const allowed = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((method) =>
    app.router.match(method, c.req.path)[0].some(([[, r]]) => r.method !== 'ALL'),
  );
  if (allowed.length === 0) return problem(c, refuse('not_found', 'Nothing is at this address.'));
  c.header(
    'Allow',
    [...(allowed.includes('GET') ? ['GET', 'HEAD'] : []), ...allowed.filter((m) => m !== 'GET'), 'OPTIONS'].join(', '),
  );
  if (c.req.method === 'OPTIONS') return c.body(null, 204);
  return problem(c, refuse('method_not_allowed', `This address takes ${allowed.join(', ')}.`));
}
