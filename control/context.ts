import type { SwitchDeclaration } from '../core/guard/declarations.ts';
import type { Clock } from '../core/kernel/clock.ts';
import type { Database } from '../core/kernel/db/database.ts';
import type { Logger } from '../core/kernel/log.ts';
import type { Metrics } from '../core/kernel/metrics.ts';
import type { InstanceInbox } from './instances/inbox.ts';
import type { RuleFeed } from './revisions/feed.ts';

/** Everything a room of control works with. Built once per process by `app.ts`; tests build their own. */
export interface ControlContext {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly switches: readonly SwitchDeclaration[];
  readonly feed: RuleFeed;
  readonly inbox: InstanceInbox;
}
