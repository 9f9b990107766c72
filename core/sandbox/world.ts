import type { Clock } from '../kernel/clock.ts';
import type { Database } from '../kernel/db/database.ts';
import type { Random } from '../kernel/random.ts';
import type { Autopilot } from './autopilot.ts';
import type { Callbacks } from './callbacks.ts';
import type { Knobs } from './knobs.ts';
import type { ParkingLot } from './parked.ts';

/** What the services out there share. */
export interface World {
  readonly db: Database;
  readonly clock: Clock;
  readonly random: Random;
  readonly knobs: Knobs;
  readonly callbacks: Callbacks;
  readonly autopilot: Autopilot;
  readonly parkingLot: ParkingLot;
}
