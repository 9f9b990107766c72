import type { SwitchDeclaration } from '../core/guard/declarations.ts';
import { TokenAuthenticator } from '../core/kernel/access/authenticator.ts';
import { type Clock, every } from '../core/kernel/clock.ts';
import type { Database } from '../core/kernel/db/database.ts';
import { type App, createApp } from '../core/kernel/http/app.ts';
import type { Logger } from '../core/kernel/log.ts';
import type { Metrics } from '../core/kernel/metrics.ts';
import { accessRoutes } from './access/access.routes.ts';
import { auditRoutes } from './audit/audit.routes.ts';
import type { ControlContext } from './context.ts';
import { InstanceInbox } from './instances/inbox.ts';
import { instanceRoutes } from './instances/instances.routes.ts';
import type { DeclaredCheck } from './overview/checks.ts';
import { overviewRoutes } from './overview/overview.routes.ts';
import type { DeclaredRepair } from './overview/repairs.ts';
import { advanceTally, openTally } from './overview/tally.ts';
import { RuleFeed } from './revisions/feed.ts';
import { revisionRoutes } from './revisions/revisions.routes.ts';
import { switchRoutes } from './switches/switches.routes.ts';
import { declareSwitches } from './switches/switches.ts';

export interface ControlDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly version: string;
  readonly switches: readonly SwitchDeclaration[];
  readonly checks: readonly DeclaredCheck[];
  readonly repairs: readonly DeclaredRepair[];
}

export interface Control extends AsyncDisposable {
  readonly app: App;
  readonly context: ControlContext;
}

const TALLY_MS = 500;
/** Bounds one round, so that catching up with a long history does not keep others from the cursor. */
const TALLY_ROUNDS = 20;

/** Builds the control service over a migrated database: declares its switches, begins to follow, mounts the rooms. */
export async function buildControl(deps: ControlDeps): Promise<Control> {
  const { db, clock, log, metrics } = deps;
  await declareSwitches(deps);
  await openTally(db);
  const auth = new TokenAuthenticator({ sql: db, clock, log });
  const feed = await RuleFeed.open(db, log);
  const inbox = new InstanceInbox(db, metrics, () => feed.head.epoch);
  const context: ControlContext = { db, clock, log, metrics, switches: deps.switches, feed, inbox };
  const app = createApp({
    process: 'control',
    log,
    metrics,
    auth,
    title: 'Tidegate control',
    version: deps.version,
    ready: { database: async () => void (await db.query({ text: 'SELECT 1' })) },
  });
  app.route('/', revisionRoutes(context));
  app.route('/', switchRoutes(context));
  app.route('/', instanceRoutes(context));
  app.route('/', auditRoutes(context));
  app.route('/', accessRoutes(context));
  app.route('/', overviewRoutes({ ...context, checks: deps.checks, repairs: deps.repairs }));

  const stop = new AbortController();
  let tallying: Promise<void> = Promise.resolve();
  every(TALLY_MS, stop.signal, () => {
    tallying = keepTally(deps, stop.signal);
    return tallying;
  });
  return {
    app,
    context,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await Promise.all([feed[Symbol.asyncDispose](), inbox[Symbol.asyncDispose](), tallying]);
      auth[Symbol.dispose]();
    },
  };
}

/** Adds up what has happened since the last time. A database that is away is tried again half a second later. */
async function keepTally({ db, clock, metrics, log }: ControlDeps, signal: AbortSignal): Promise<void> {
  try {
    for (let round = 0; round < TALLY_ROUNDS && !signal.aborted; round += 1) {
      if ((await advanceTally(db, clock, metrics)) === 0) return;
    }
  } catch (error) {
    log.debug({ err: error }, 'could not add up the event rows; they wait');
  }
}
