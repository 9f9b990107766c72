import { OpenAPIHono } from '@hono/zod-openapi';
import type { Authenticator } from '../access/principal.ts';
import { type Refusal, refuse } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { AppContext, AppEnv } from './context.ts';
import { Lifecycle } from './lifecycle.ts';
import { problem } from './problem.ts';
import { refuseFields } from './wire.ts';

/** Settles when the process may serve as far as this part knows; throws when it may not. */
export type Probe = (signal: AbortSignal) => Promise<void>;

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

/** An app with the edge of the house around its routes. Rooms make routers with `createRouter`, and their `main` mounts them. */
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

/** The headers that have a code of their own when they are missing. */
function missingHeader(c: AppContext, name: unknown): Refusal | undefined {
  if (typeof name !== 'string' || c.req.header(name) !== undefined) return undefined;
  if (name === 'idempotency-key')
    return refuse('idempotency_key_missing', 'Send an Idempotency-Key header with this write.');
  if (name === 'if-match') return refuse('if_match_missing', 'Send the ETag that you read as If-Match.');
  return undefined;
}
