import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import type { Authenticator, Principal } from '../access/principal.ts';
import type { Logger } from '../log.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { RequestScope } from './scope.ts';

export interface AppEnv {
  Bindings: Partial<HttpBindings>;
  Variables: {
    scope: RequestScope;
    /** The app this request came to. */
    app: { readonly lifecycle: Lifecycle; readonly auth: Authenticator | undefined; readonly log: Logger };
    /** Set on every route that needs a token, before its handler runs. */
    principal: Principal;
  };
}

export type AppContext = Context<AppEnv>;

/** The signal to hand to everything that this request waits for. */
export function signalOf(c: AppContext): AbortSignal {
  return c.get('scope').signal;
}
