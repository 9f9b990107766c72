import { join } from 'node:path';
import { systemClock } from '../kernel/clock.ts';
import type { ServerConfig } from '../kernel/config.ts';
import { type Database, openDatabase } from '../kernel/db/database.ts';
import { assertSchemaCurrent } from '../kernel/db/migrate.ts';
import { type App, createApp } from '../kernel/http/app.ts';
import { Outside } from '../kernel/http/outside.ts';
import type { Logger } from '../kernel/log.ts';
import { createMetrics } from '../kernel/metrics.ts';
import { systemRandom } from '../kernel/random.ts';
import { Callbacks } from './callbacks.ts';
import { decideTrade, initTrade, refundTrade } from './channel.ts';
import { Faults } from './faults.ts';
import { initShipment, shipByItself } from './fulfilment.ts';
import { type JobOutcome, JobRunner } from './jobs.ts';
import { knobRoutes } from './knobs.routes.ts';
import { deduct } from './marketing.ts';
import { channelRoutes, fulfilmentRoutes, marketingRoutes, schemas } from './services.routes.ts';
import { Settings } from './settings.ts';
import type { World } from './world.ts';

export const SANDBOX_MIGRATIONS = join(import.meta.dirname, 'migrations');

export interface Sandbox extends AsyncDisposable {
  readonly app: App;
  readonly world: World;
}

/** The outside world of the embedded default: payment channels, marketing and fulfilment as real services. */
export async function openSandbox(config: ServerConfig, log: Logger): Promise<Sandbox> {
  await using stack = new AsyncDisposableStack();
  const metrics = stack.use(createMetrics('sandbox'));
  const db: Database = stack.use(
    await openDatabase({
      url: config.databaseUrl,
      poolSize: config.poolSize,
      applicationName: 'tidegate sandbox',
      log,
    }),
  );
  await assertSchemaCurrent(db, 'sandbox', SANDBOX_MIGRATIONS);
  const outside = stack.use(new Outside({ metrics }));
  const faults = new Faults();
  const master = config.webhookSecret;
  if (master === undefined)
    throw Object.assign(new Error('TIDEGATE_WEBHOOK_SECRET is needed to sign callbacks'), { exitCode: 2 });
  const settings = new Settings(db, faults);
  await settings.load();
  const callbacks = new Callbacks({ outside, faults, clock: systemClock, random: systemRandom, master });
  const handlers = {
    callback: (payload: unknown, job: Parameters<typeof callbacks.send>[1], signal: AbortSignal) =>
      callbacks.send(payload, job, signal),
    autopay: (payload: unknown) => payByItself(world, payload),
    ship: (payload: unknown) => shipByItself(world, payload),
    parked: (payload: unknown) => doParked(world, payload),
  };
  const jobs = stack.use(new JobRunner(db, log, handlers));
  const world: World = {
    db,
    clock: systemClock,
    random: systemRandom,
    log,
    faults,
    callbacks,
    settings,
    runNow: (job) => {
      if (job !== null) jobs.now(job);
    },
  };
  const app = createApp({
    process: 'sandbox',
    log,
    metrics,
    title: 'Tidegate sandbox',
    version: '1',
    ready: { database: async () => void (await db.query({ text: 'SELECT 1' })) },
    timeoutMs: 70_000,
  });
  app.route('/', channelRoutes(world, config.sandboxUrl));
  app.route('/', marketingRoutes(world));
  app.route('/', fulfilmentRoutes(world));
  app.route('/', knobRoutes(world, config.sandboxUrl));
  const owned = stack.move();
  return { app, world, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function payByItself(world: World, payload: unknown): Promise<JobOutcome> {
  const { tradeNo } = payload as { tradeNo: string };
  const decided = await decideTrade(world, tradeNo, 'paid');
  world.runNow(decided?.job ?? null);
  return { kind: 'done' };
}

/** A request that a fault had held back arrives at last; a tombstone that was put meanwhile refuses it. */
async function doParked(world: World, payload: unknown): Promise<JobOutcome> {
  const { operation, input } = payload as { operation: string; input: { channel?: string } };
  const channel = input.channel ?? 'sandbox';
  switch (operation) {
    case 'init':
      await initTrade(world, { ...schemas.init.parse(input), channel });
      break;
    case 'refund':
      await refundTrade(world, { ...schemas.refund.parse(input), channel });
      break;
    case 'deduct':
      await deduct(world, schemas.deduct.parse(input));
      break;
    case 'ship':
      await initShipment(world, schemas.shipment.parse(input));
      break;
    default:
      return { kind: 'given_up', reason: `unknown operation ${operation}` };
  }
  return { kind: 'done' };
}
