import { join } from 'node:path';
import { systemClock } from '../kernel/clock.ts';
import { ConfigError, type ServerConfig } from '../kernel/config.ts';
import type { MigrationSet } from '../kernel/db/migrate.ts';
import { openServerDatabase } from '../kernel/db/server.ts';
import type { App } from '../kernel/http/app.ts';
import { createApp } from '../kernel/http/create-app.ts';
import { Outside } from '../kernel/http/outside.ts';
import type { Logger } from '../kernel/log.ts';
import { createMetrics } from '../kernel/metrics.ts';
import { systemRandom } from '../kernel/random.ts';
import { Autopilot, type Steps } from './autopilot.ts';
import { Callbacks } from './callbacks.ts';
import { channelRoutes } from './channel.routes.ts';
import { fulfilmentRoutes } from './fulfilment.routes.ts';
import { hotelRoutes } from './hotel.routes.ts';
import { knobRoutes } from './knobs.routes.ts';
import { Knobs } from './knobs.ts';
import { arriveLate } from './late.ts';
import { marketingRoutes } from './marketing.routes.ts';
import { ParkingLot } from './parked.ts';
import { finishDueRefunds } from './refunds.ts';
import { returnRoutes } from './returns.routes.ts';
import { receiveDueReturns } from './returns.ts';
import { deliverDueShipments } from './shipments.ts';
import { payDueTrades } from './trades.ts';
import { truthRoutes } from './truth.routes.ts';
import type { World } from './world.ts';

export const SANDBOX_MIGRATIONS: MigrationSet = { set: 'sandbox', folder: join(import.meta.dirname, 'migrations') };

const STEPS: Steps = {
  trade: payDueTrades,
  refund: finishDueRefunds,
  shipment: deliverDueShipments,
  return: receiveDueReturns,
};

/** Above the longest delay that a fault can make. */
const REQUEST_TIMEOUT_MS = 40_000;

export interface Sandbox extends AsyncDisposable {
  readonly app: App;
  readonly world: World;
}

/**
 * The outside world of the embedded default, over a migrated database: payment channels, marketing, fulfilment and a hotel as real
 * services with a memory of their own.
 *
 * Throws `ConfigError` without a webhook secret, `DatabaseUnavailable`, or a schema that is not migrated (exit 4).
 */
export async function openSandbox(config: ServerConfig, log: Logger): Promise<Sandbox> {
  const master = config.webhookSecret;
  if (master === undefined) {
    throw new ConfigError('TIDEGATE_WEBHOOK_SECRET is missing: the sandbox signs its callbacks with it');
  }
  await using stack = new AsyncDisposableStack();
  const metrics = stack.use(createMetrics('sandbox'));
  const db = stack.use(await openServerDatabase(config, SANDBOX_MIGRATIONS, { log, metrics }));
  const shared = { db, clock: systemClock, random: systemRandom, log };
  const outside = stack.use(new Outside({ metrics }));
  const knobs = stack.use(await Knobs.open(shared));
  const callbacks = stack.use(new Callbacks({ ...shared, knobs, outside, master }));
  const autopilot = stack.use(new Autopilot(db, log, callbacks, STEPS));
  const parkingLot = stack.use(
    await ParkingLot.open(db, log, (tx, operation, input) => arriveLate(world, tx, operation, input)),
  );
  const world: World = { ...shared, knobs, callbacks, autopilot, parkingLot };
  const app = createApp({
    process: 'sandbox',
    log,
    metrics,
    title: 'Tidegate sandbox',
    version: '1',
    ready: { database: async () => void (await db.query({ text: 'SELECT 1' })) },
    timeoutMs: REQUEST_TIMEOUT_MS,
  });
  for (const routes of [
    channelRoutes,
    marketingRoutes,
    fulfilmentRoutes,
    returnRoutes,
    hotelRoutes,
    knobRoutes,
    truthRoutes,
  ]) {
    app.route('/', routes(world));
  }
  const owned = stack.move();
  return { app, world, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
