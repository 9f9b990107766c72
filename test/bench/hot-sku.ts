import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { addMs, monotonicMs, systemClock } from '../../core/kernel/clock.ts';
import { type Database, openDatabase } from '../../core/kernel/db/database.ts';
import { startEmbeddedPostgres } from '../../core/kernel/db/embedded.ts';
import { migrate } from '../../core/kernel/db/migrate.ts';
import { createLogger } from '../../core/kernel/log.ts';
import { CORE_MIGRATIONS } from '../../core/migrations.ts';
import { DEFAULT_BATCHING, ShelfBatcher } from '../../core/stock/batcher.ts';
import { reserve } from '../../core/stock/stock.ts';
import type { Benchmark, BenchOptions, Report } from './support/benchmark.ts';
import { median, percentile } from './support/benchmark.ts';
import { type CpuSeconds, coresBetween, cpuNow, type Watched } from './support/cpu.ts';

const SHOPPERS = 64;
const PLENTY = 1_000_000_000;
/** The rush: so many want one of so many pieces. */
const BUYERS = 5_000;
const PIECES = 1_000;
const WARM_UP_SECONDS = 1;

export default {
  id: 'hot-sku',
  title: `reservations/s of one SKU by ${SHOPPERS} shoppers: the plain conditional UPDATE and the micro-batcher; oversell counted`,
  run,
} satisfies Benchmark;

/** One way to reserve one piece. False: there was none. */
type Way = (orderId: string) => Promise<boolean>;

interface Played {
  readonly perSecond: number;
  readonly latencies: readonly number[];
  readonly cores: CpuSeconds;
}

interface Rush {
  readonly got: number;
  readonly oversold: number;
  readonly ms: number;
}

async function run(options: BenchOptions): Promise<Report> {
  await using stack = new AsyncDisposableStack();
  const dataDir = await mkdtemp('/var/tmp/tidegate-bench-');
  stack.defer(() => rm(dataDir, { recursive: true, force: true }));
  await chmod(dataDir, 0o755);
  const log = createLogger('bench', { logLevel: 'error', instance: 'bench' });
  const postgres = stack.use(await startEmbeddedPostgres({ dataDir, port: 0, log, signal: options.signal }));
  await migrate({
    url: postgres.ownerUrl,
    appRole: new URL(postgres.appUrl).username,
    ...CORE_MIGRATIONS,
    log,
  });
  const open = { url: postgres.appUrl, poolSize: SHOPPERS, applicationName: 'bench', log };
  const db = stack.use(await openDatabase(open));
  const watched: Watched[] = [
    { name: 'shoppers', pid: process.pid },
    { name: 'postgres', pid: postgres.pid, family: true },
  ];
  const sizes: number[] = [];
  const skus = { plain: await aSku(db, PLENTY), batched: await aSku(db, PLENTY) };
  const ways = { plain: plainly(db, skus.plain), batched: inBatches(db, skus.batched, sizes) };
  const rounds: { plain: Played; batched: Played }[] = [];
  for (let round = 0; round <= options.rounds; round += 1) {
    // The first one is not counted: code is compiled, connections are opened.
    const seconds = round === 0 ? WARM_UP_SECONDS : options.seconds;
    if (round === 1) sizes.length = 0;
    const plain = await play(ways.plain, seconds, watched, options.signal);
    const batched = await play(ways.batched, seconds, watched, options.signal);
    if (round === 0) continue;
    options.note(`round ${round}: plain ${plain.perSecond.toFixed(0)}/s, batched ${batched.perSecond.toFixed(0)}/s`);
    rounds.push({ plain, batched });
  }
  for (const sku of Object.values(skus)) await demandBooks(db, sku);
  const rush = { plain: await rushOf(db, plainly), batched: await rushOf(db, inBatches) };
  return report(rounds, sizes, rush, options);
}

let named = 0;
const newOrder = (): string => `bench-${++named}`;

/** The statement of an order that is alone with its SKU, each in its own commit. */
function plainly(db: Database, sku: number): Way {
  const claim = [{ skuId: sku, quantity: 1, warehouseId: 1, deductAt: 'reserve' }] as const;
  return async (orderId) => (await reserve(db, orderId, claim, addMs(systemClock.now(), 1_800_000))).length === 0;
}

function inBatches(db: Database, sku: number, sizes: number[] = []): Way {
  const kit = { db, clock: systemClock, onBatch: (size: number) => void sizes.push(size) };
  const batcher = new ShelfBatcher(kit, { skuId: sku, warehouseId: 1 }, DEFAULT_BATCHING);
  return async (orderId) => {
    const { kind } = await batcher.reserve({ orderId, quantity: 1, forGood: false });
    if (kind === 'busy') throw new Error('the batcher turned a shopper away');
    return kind === 'held';
  };
}

/** Every shopper reserves one piece after the other. */
async function play(way: Way, seconds: number, watched: Watched[], signal: AbortSignal): Promise<Played> {
  const latencies: number[] = [];
  const before = cpuNow(watched);
  const from = monotonicMs();
  const shopper = async (): Promise<void> => {
    while (monotonicMs() - from < seconds * 1_000) {
      signal.throwIfAborted();
      const asked = monotonicMs();
      if (!(await way(newOrder()))) throw new Error('a SKU with plenty of pieces was sold out');
      latencies.push(monotonicMs() - asked);
    }
  };
  await Promise.all(Array.from({ length: SHOPPERS }, shopper));
  const took = (monotonicMs() - from) / 1_000;
  return { perSecond: latencies.length / took, latencies, cores: coresBetween(before, cpuNow(watched), took) };
}

/** 5,000 buyers, 64 at a time, of 1,000 pieces. */
async function rushOf(db: Database, wayOf: (db: Database, sku: number) => Way): Promise<Rush> {
  const sku = await aSku(db, PIECES);
  const way = wayOf(db, sku);
  let left = BUYERS;
  let got = 0;
  const from = monotonicMs();
  const shopper = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      if (await way(newOrder())) got += 1;
    }
  };
  await Promise.all(Array.from({ length: SHOPPERS }, shopper));
  const ms = monotonicMs() - from;
  const { reserved } = await demandBooks(db, sku);
  if (got !== reserved || got !== PIECES) throw new Error(`${got} were told they have a piece, ${reserved} have one`);
  return { got, oversold: Math.max(0, got - PIECES), ms };
}

async function aSku(db: Database, pieces: number): Promise<number> {
  const rows = await db.query<{ id: number }>({
    text: `WITH pictured AS (INSERT INTO core.snapshot (id, content, created_at) VALUES ('bench', '{}', now()) ON CONFLICT DO NOTHING),
      product AS (INSERT INTO core.spu (category_id, name, description, attributes, created_at, state, state_since)
        VALUES (1001001, 'a bench', '', '[]', now(), 'ON_SHELF', now()) RETURNING id)
      INSERT INTO core.sku (spu_id, name, attributes, currency, price, stock_mode, snapshot_id, created_at)
      SELECT id, 'a bench', '[]', 'CNY', 100, 'finite', 'bench', now() FROM product RETURNING id`,
  });
  const id = rows[0]?.id ?? 0;
  await db.query({
    text: 'INSERT INTO core.stock (sku_id, warehouse_id, on_hand, initial) VALUES ($1, 1, $2, $2)',
    values: [id, pieces],
  });
  return id;
}

/** No piece was lost or made: counters, reservations and what there was at first agree. */
async function demandBooks(db: Database, sku: number): Promise<{ readonly reserved: number }> {
  const [books] = await db.query<{ on_hand: number; reserved: number; initial: number; held: number; orders: number }>({
    text: `SELECT s.on_hand, s.reserved, s.initial, coalesce(sum(r.quantity), 0)::bigint AS held,
        count(DISTINCT r.order_id) AS orders
      FROM core.stock s LEFT JOIN core.reservation r ON r.sku_id = s.sku_id AND r.state = 'held'
      WHERE s.sku_id = $1 GROUP BY s.on_hand, s.reserved, s.initial`,
    values: [sku],
  });
  if (books === undefined) throw new Error('no books');
  const { on_hand: onHand, reserved, initial, held, orders } = books;
  if (onHand < 0 || onHand + reserved !== initial || held !== reserved || orders !== held) {
    throw new Error(`the books disagree: ${JSON.stringify(books)}`);
  }
  return books;
}

function report(
  rounds: readonly { readonly plain: Played; readonly batched: Played }[],
  sizes: readonly number[],
  rush: { readonly plain: Rush; readonly batched: Rush },
  { seconds }: BenchOptions,
): Report {
  const ways = ['plain', 'batched'] as const;
  const rates = Object.fromEntries(ways.map((way) => [way, rounds.map((round) => round[way].perSecond)]));
  const ratio = median(rates['batched'] ?? []) / median(rates['plain'] ?? []);
  const lines = ways.map((way) => {
    const all = rates[way] ?? [];
    const latencies = rounds.flatMap((round) => round[way].latencies);
    const cores = ['shoppers', 'postgres'].map(
      (name) => `${name} ${median(rounds.map((r) => r[way].cores[name] ?? 0)).toFixed(2)}`,
    );
    const each = all.map((rate) => rate.toFixed(0)).join(', ');
    return `${way.padEnd(9)}${median(all).toFixed(0)}/s   (rounds: ${each})   p50 ${percentile(latencies, 0.5).toFixed(1)} ms   p99 ${percentile(latencies, 0.99).toFixed(1)} ms   cores busy: ${cores.join(', ')}`;
  });
  const crowd = (of: Rush): string => `${of.got} got one, ${of.oversold} oversold, in ${of.ms.toFixed(0)} ms`;
  return {
    lines: [
      `${SHOPPERS} shoppers on one SKU, ${rounds.length} rounds of ${seconds} s, medians; one reservation is one answer after its commit`,
      ...lines,
      `batched is ${ratio.toFixed(1)} times plain; ${median(sizes)} reservations a batch`,
      `${BUYERS} buyers of ${PIECES} pieces: plainly ${crowd(rush.plain)}; in batches ${crowd(rush.batched)}`,
    ],
    figures: {
      reservationsPerSecond: Object.fromEntries(ways.map((way) => [way, median(rates[way] ?? [])])),
      ratio,
      batchSize: median(sizes),
      rush,
      rounds: rates,
    },
  };
}
