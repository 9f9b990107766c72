import type { Clock } from '../kernel/clock.ts';
import type { Database } from '../kernel/db/database.ts';
import type { Logger } from '../kernel/log.ts';
import type { Random } from '../kernel/random.ts';
import type { Callbacks } from './callbacks.ts';
import type { Faults } from './faults.ts';
import type { Job } from './jobs.ts';
import type { Settings } from './settings.ts';

/** Everything the services of the outside world share. */
export interface World {
  readonly db: Database;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly faults: Faults;
  readonly callbacks: Callbacks;
  readonly settings: Settings;
  /** Runs a job that was just committed. */
  runNow(job: Job | null): void;
}
