import type { MiddlewareHandler } from 'hono';
import { monotonicMs } from '../clock.ts';
import { refuse } from '../errors.ts';
import { systemRandom } from '../random.ts';
import { parseTraceparent, withSpan } from '../tracing.ts';
import type { App } from './app.ts';
import type { AppContext, AppEnv } from './context.ts';
import { planOf } from './gate.ts';
import { problem, refusalOf } from './problem.ts';
import { RequestScope } from './scope.ts';

const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;

/** The outermost layer: ids, trace, headers, the duration metric and the line in the log. */
export function edge(app: App): MiddlewareHandler<AppEnv> {
  const { log, metrics, process, auth } = app.deps;
  const known = { lifecycle: app.lifecycle, auth, log };
  return async (c, next) => {
    const startedMs = monotonicMs();
    const remote = parseTraceparent(c.req.header('traceparent'), c.req.header('tracestate'));
    await withSpan(c.req.method, { kind: 'server', remote }, async (span) => {
      const scope = new RequestScope(requestId(c), span.traceId, startedMs);
      c.set('scope', scope);
      c.set('app', known);
      setHeaders(c, scope, app.lifecycle.draining.aborted);
      app.lifecycle.enter(scope);
      try {
        await next();
      } finally {
        app.lifecycle.leave(scope);
        const plan = planOf(c);
        // 499 as nginx has it: an answer that nobody waited for must not count as an error of ours.
        const status = scope.gone ? 499 : c.res.status;
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

/** What a throw becomes: a refusal that it stands for, or 500 with nothing of our insides. */
export function answerError(app: App, error: Error, c: AppContext): Response {
  const scope = c.get('scope');
  const refusal = refusalOf(error) ?? (isAbort(error) ? scope.abortedWith?.refusal : undefined);
  // What is left of the body is not read: the connection cannot carry another request.
  if (refusal?.code === 'body_too_large' || refusal?.code === 'request_timeout') c.header('Connection', 'close');
  const noted = refusal === undefined || refusal.code === 'unavailable' || refusal.code === 'request_timeout';
  if (noted && !scope.gone) {
    const level = refusal === undefined ? 'error' : 'warn';
    app.deps.log[level]({ err: error, method: c.req.method, requestId: scope.requestId }, 'request failed');
  }
  return problem(c, refusal ?? refuse('internal', 'Something broke on our side; the trace id finds it in our logs.'));
}

function isAbort(error: Error): boolean {
  return error.name === 'AbortError' || (error.cause instanceof Error && error.cause.name === 'AbortError');
}

/** Another method is known at this address: 405 with `Allow`; nothing is, or its handler found nothing: 404. */
export function answerUnknown(app: App, c: AppContext): Response {
  const allowed = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((method) =>
    app.router.match(method, c.req.path)[0].some(([[, r]]) => r.method !== 'ALL'),
  );
  const found = allowed.length > 0 && !allowed.includes(c.req.method === 'HEAD' ? 'GET' : c.req.method);
  if (!found) return problem(c, refuse('not_found', 'Nothing is at this address.'));
  c.header(
    'Allow',
    [...(allowed.includes('GET') ? ['GET', 'HEAD'] : []), ...allowed.filter((m) => m !== 'GET'), 'OPTIONS'].join(', '),
  );
  if (c.req.method === 'OPTIONS') return c.body(null, 204);
  return problem(c, refuse('method_not_allowed', `This address takes ${allowed.join(', ')}.`));
}
