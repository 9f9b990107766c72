import { consume } from '../core/bus/bus.ts';
import type { SwitchDeclaration } from '../core/guard/declarations.ts';
import { TokenAuthenticator } from '../core/kernel/access/authenticator.ts';
import type { Clock } from '../core/kernel/clock.ts';
import type { Database } from '../core/kernel/db/database.ts';
import type { App } from '../core/kernel/http/app.ts';
import { createApp } from '../core/kernel/http/create-app.ts';
import type { Logger } from '../core/kernel/log.ts';
import type { Metrics } from '../core/kernel/metrics.ts';
import { systemRandom } from '../core/kernel/random.ts';
import type { Check } from '../reconcile/check.ts';
import type { Repair } from '../reconcile/repair.ts';
import { accessRoutes } from './access/access.routes.ts';
import { auditRoutes } from './audit/audit.routes.ts';
import type { ControlContext } from './context.ts';
import { InstanceInbox } from './instances/inbox.ts';
import { instanceRoutes } from './instances/instances.routes.ts';
import { overviewRoutes } from './overview/overview.routes.ts';
import { tallyConsumer } from './overview/tally.ts';
import { RuleFeed } from './revisions/feed.ts';
import { revisionRoutes } from './revisions/revisions.routes.ts';
import { switchRoutes } from './switches/switches.routes.ts';
import { declareSwitches } from './switches/switches.ts';

export interface ControlDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** The name of this replica. */
  readonly instance: string;
  readonly switches: readonly SwitchDeclaration[];
  readonly checks: readonly Check[];
  readonly repairs: readonly Repair[];
}

export interface Control extends AsyncDisposable {
  readonly app: App;
  readonly context: ControlContext;
}

/** Builds the control service over a migrated database: declares its switches, begins to follow, mounts the rooms. */
export async function buildControl(deps: ControlDeps): Promise<Control> {
  const { db, clock, log, metrics } = deps;
  await declareSwitches(deps);
  const auth = new TokenAuthenticator({ sql: db, clock, log });
  const feed = await RuleFeed.open(db, log);
  metrics.atScrape('rulesetHead', (put) => put({}, feed.head.revision));
  const inbox = new InstanceInbox(db, metrics, () => feed.head.epoch);
  const context: ControlContext = { db, clock, log, metrics, switches: deps.switches, feed, inbox };
  const app = createApp({
    process: 'control',
    log,
    metrics,
    auth,
    title: 'Tidegate control',
    version: '1',
    ready: { database: async () => void (await db.query({ text: 'SELECT 1' })) },
  });
  app.route('/', revisionRoutes(context));
  app.route('/', switchRoutes(context));
  app.route('/', instanceRoutes(context));
  app.route('/', auditRoutes(context));
  app.route('/', accessRoutes(context));
  app.route('/', overviewRoutes({ ...context, checks: deps.checks, repairs: deps.repairs }));

  // Two replicas that nobody named are still two readers.
  const tally = consume(
    { db, clock, log, metrics, holder: `${deps.instance}-${systemRandom.int(1e9)}` },
    tallyConsumer,
  );
  return {
    app,
    context,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([feed[Symbol.asyncDispose](), inbox[Symbol.asyncDispose](), tally[Symbol.asyncDispose]()]);
      auth[Symbol.dispose]();
    },
  };
}
