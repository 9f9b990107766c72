import type { MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';
import { allowedRolesOf } from '../access/guard.ts';
import { RefusalError, refuse } from '../errors.ts';
import type { App } from './app.ts';
import { readBody } from './body.ts';
import type { AppContext, AppEnv } from './context.ts';
import { problem } from './problem.ts';
import { type RouteOptions, routeOptionsOf } from './route.ts';
import type { RequestScope } from './scope.ts';

/** Time until a request is given up, unless its app or its route says otherwise. */
const REQUEST_TIMEOUT_MS = 10_000;

/** Who may come in, with what, for how long. */
export function gate(app: App): MiddlewareHandler<AppEnv> {
  const { auth, timeoutMs = REQUEST_TIMEOUT_MS } = app.deps;
  return async (c, next) => {
    const plan = planOf(c);
    if (plan === undefined) return next();
    const { template, options } = plan;
    if (options === undefined)
      throw new Error(`${c.req.method} ${template} does not say who may come in; declare it with route()`);
    const scope = c.get('scope');
    if (c.req.method === 'GET') watchReader(c, scope);
    const work = async (): Promise<Response | undefined> => {
      if (c.req.url.includes('%00')) return problem(c, refuse('invalid_request', 'The address holds a NUL character.'));
      if (options.access !== 'open') {
        if (auth === undefined) throw new Error(`${template} asks for a role, but the app was made without auth`);
        const who = await auth.authenticate(c.req.header('authorization'));
        if (!who.ok) return problem(c, who);
        c.set('principal', who.value);
      }
      if (options.body !== 'stream' && c.req.method !== 'GET') await readBody(c, options.body);
      await next();
      return undefined;
    };
    return within(options.timeoutMs ?? timeoutMs, scope, work);
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
    if (outgoing.writableFinished) return;
    scope.gone = true;
    scope.abort(new RefusalError(refuse('request_timeout', 'The client hung up.')));
  });
}

interface Plan {
  readonly template: string;
  /** `undefined` is a mistake of ours, and lets nobody in. */
  readonly options: RouteOptions | undefined;
}

const plans = new WeakMap<object, Plan>();

/** What is known of the route that will answer: the first that is not a middleware. `undefined` when none will. */
export function planOf(c: AppContext): Plan | undefined {
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
  const plan = { template: endpoint.path, options };
  plans.set(endpoint, plan);
  return plan;
}
