import { afterSalesRoutes } from './aftersales/aftersales.routes.ts';
import { busRoutes } from './bus/bus.routes.ts';
import { callbackRoutes } from './callbacks/callbacks.routes.ts';
import { Signatures } from './callbacks/signatures.ts';
import { cartRoutes } from './carts/carts.routes.ts';
import { CartTokens } from './carts/tokens.ts';
import { batchRoutes } from './catalog/batch/batch.routes.ts';
import { catalogRoutes } from './catalog/catalog.routes.ts';
import { editRoutes } from './catalog/edits/edits.routes.ts';
import { priceRoutes } from './catalog/prices/prices.routes.ts';
import { treeRoutes } from './catalog/tree/tree.routes.ts';
import { wordRoutes } from './catalog/words/words.routes.ts';
import { consumerRoutes } from './consumers/consumers.routes.ts';
import { type CoreContext, DEFAULT_TERMS } from './context.ts';
import { httpFulfilment } from './fulfilment/fulfilment.http.ts';
import { fulfilmentRoutes } from './fulfilment/fulfilment.routes.ts';
import { loadSwitches } from './guard/declarations.ts';
import { createGuard, type LiveGuard } from './guard/live.ts';
import { httpHotel } from './hotel/hotel.http.ts';
import { TokenAuthenticator } from './kernel/access/authenticator.ts';
import { Background } from './kernel/background.ts';
import { systemClock } from './kernel/clock.ts';
import type { ServerConfig } from './kernel/config.ts';
import { openServerDatabase } from './kernel/db/server.ts';
import type { App } from './kernel/http/app.ts';
import { createApp } from './kernel/http/create-app.ts';
import { Outside } from './kernel/http/outside.ts';
import type { Logger } from './kernel/log.ts';
import { createMetrics, type Metrics } from './kernel/metrics.ts';
import { Mover } from './kernel/mover.ts';
import { OrderNumbers } from './kernel/order-number.ts';
import { systemRandom } from './kernel/random.ts';
import { ledgerRoutes } from './ledger/ledger.routes.ts';
import { rebuildRoutes } from './ledger/rebuild.routes.ts';
import { campaignRoutes } from './marketing/campaigns.routes.ts';
import { couponRoutes } from './marketing/coupons.routes.ts';
import { httpMarketing } from './marketing/marketing.http.ts';
import { pointsRoutes } from './marketing/points.routes.ts';
import { CORE_MIGRATIONS } from './migrations.ts';
import { countMoves } from './moves.ts';
import { operationRoutes } from './operations/operations.routes.ts';
import { cancelRoutes } from './orders/cancel.routes.ts';
import { checkoutRoutes } from './orders/checkout.routes.ts';
import { orderRoutes } from './orders/orders.routes.ts';
import { ticketRoutes } from './orders/tickets.routes.ts';
import { loadChannels } from './payments/channels.ts';
import { paymentRoutes } from './payments/payments.routes.ts';
import { BatchedStock } from './stock/hot.ts';
import { stockRoutes } from './stock/stock.routes.ts';
import { warehouseRoutes } from './stock/warehouses.routes.ts';
import { userRoutes } from './users/users.routes.ts';

/** Who we are at the channels of the embedded default. */
const MERCHANT_ID = 'tidegate';

/** A call to the outside that takes longer has an unknown outcome. Well below the lease, so that a driver never outlives it. */
const OUTSIDE_TIMEOUT_MS = 3_000;

/** The parts that every process working with orders and money is made of. */
export interface Core extends AsyncDisposable {
  readonly context: CoreContext;
  readonly guard: LiveGuard;
  readonly metrics: Metrics;
  /** Calls `wake` after each committed move of this process. */
  whenMoved(wake: () => void): void;
}

/**
 * Opens the core's parts over a migrated database: the reconcilers open the same ones, so that every repair passes the
 * same state machines.
 *
 * Throws `DatabaseUnavailable`, `SchemaTooNew`, or a schema that is not migrated (exit 4).
 */
export async function openCore(process: 'core' | 'reconcile', config: ServerConfig, log: Logger): Promise<Core> {
  await using stack = new AsyncDisposableStack();
  const metrics = stack.use(createMetrics(process));
  const db = stack.use(await openServerDatabase(config, CORE_MIGRATIONS, { log, metrics }));
  const outside = stack.use(new Outside({ metrics }));
  const switches = await loadSwitches();
  const guard = stack.use(
    await createGuard({ process, switches, config, clock: systemClock, random: systemRandom, log, metrics }),
  );
  const background = stack.use(new Background(log));
  const count = countMoves(metrics);
  const batches = metrics.histogram('stockBatch', {});
  const onBatch = (size: number): void => batches.observe(size);
  const hotStock = new BatchedStock({ db, clock: systemClock, guard, log, background, onBatch });
  metrics.atScrape('stockHot', (put) => put({}, hotStock.hot));
  const wakes: (() => void)[] = [];
  const reach = { baseUrl: config.sandboxUrl, notifyBase: config.coreUrl, outside, timeoutMs: OUTSIDE_TIMEOUT_MS };
  const context: CoreContext = {
    db,
    clock: systemClock,
    random: systemRandom,
    log,
    mover: new Mover(systemClock, (transition) => {
      count(transition);
      for (const wake of wakes) wake();
    }),
    background,
    orderNumbers: new OrderNumbers(db, systemClock, `${config.instance}-${systemRandom.int(1e9)}`),
    channels: await loadChannels({ ...reach, merchantId: MERCHANT_ID }),
    marketing: httpMarketing(reach),
    fulfilment: httpFulfilment(reach),
    hotel: httpHotel(reach),
    guard,
    hotStock,
    terms: {
      ...DEFAULT_TERMS,
      flood: { ...DEFAULT_TERMS.flood, perSecond: config.floodRate, capacity: config.floodCapacity },
    },
  };
  const owned = stack.move();
  return {
    context,
    guard,
    metrics,
    whenMoved: (wake) => void wakes.push(wake),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The core's HTTP interface. */
export function coreApp(core: Pick<Core, 'context' | 'metrics'>, config: ServerConfig, log: Logger): App & Disposable {
  const { context, metrics } = core;
  const master = config.webhookSecret;
  if (master === undefined)
    throw Object.assign(new Error('TIDEGATE_WEBHOOK_SECRET is needed to verify callbacks'), { exitCode: 2 });
  const auth = new TokenAuthenticator({ sql: context.db, clock: context.clock, log });
  const app = createApp({
    process: 'core',
    log,
    metrics,
    auth,
    title: 'Tidegate core',
    version: '1',
    ready: { database: async () => void (await context.db.query({ text: 'SELECT 1' })) },
    timeoutMs: 20_000,
  });
  const signatures = new Signatures(master, [...context.channels.keys(), 'fulfilment']);
  app.route('/', catalogRoutes(context));
  app.route('/', priceRoutes(context));
  app.route('/', editRoutes(context));
  app.route('/', batchRoutes(context));
  app.route('/', treeRoutes(context));
  app.route('/', wordRoutes(context));
  app.route('/', operationRoutes(context));
  app.route('/', stockRoutes(context));
  app.route('/', warehouseRoutes(context));
  app.route('/', couponRoutes(context));
  app.route('/', campaignRoutes(context));
  app.route('/', pointsRoutes(context));
  app.route('/', orderRoutes(context));
  app.route('/', cancelRoutes(context));
  app.route('/', ticketRoutes(context));
  app.route('/', cartRoutes(context, new CartTokens(master)));
  app.route('/', checkoutRoutes(context));
  app.route('/', paymentRoutes(context));
  app.route('/', fulfilmentRoutes(context));
  app.route('/', afterSalesRoutes(context));
  app.route('/', ledgerRoutes(context));
  app.route('/', rebuildRoutes(context));
  app.route('/', consumerRoutes(context));
  app.route('/', busRoutes(context));
  app.route('/', userRoutes(context));
  app.route('/', callbackRoutes(context, signatures));
  return Object.assign(app, { [Symbol.dispose]: () => auth[Symbol.dispose]() });
}
