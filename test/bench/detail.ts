import { readProduct } from '../../core/catalog/catalog.read.ts';
import { ProductDetails } from '../../core/catalog/detail.ts';
import { systemClock } from '../../core/kernel/clock.ts';
import { openDatabase } from '../../core/kernel/db/database.ts';
import { createLogger } from '../../core/kernel/log.ts';
import { type Benchmark, type BenchOptions, median, type Report } from './support/benchmark.ts';
import { openStage, type Stage } from './support/stage.ts';

const READERS = 16;
const PRODUCTS = 200;
const SKUS_EACH = 3;
/** Four of five reads are of so many: the ones that everybody looks at. */
const HOT = 10;

export default {
  id: 'detail',
  title: `details of ${PRODUCTS} products/s, ${READERS} readers: cached beside read from the database, in process and over HTTP`,
  run,
} satisfies Benchmark;

async function run(options: BenchOptions): Promise<Report> {
  const { signal, note, rounds, seconds, profileDir } = options;
  await using stage = await openStage({ signal, profileDir, outsideDelayMs: 1 });
  const ids = await stockUp(stage);
  const log = createLogger('bench', { logLevel: 'error', instance: 'bench' });
  await using db = await openDatabase({
    url: stage.postgres.appUrl,
    poolSize: READERS,
    applicationName: 'bench-detail',
    log,
  });
  const details = new ProductDetails({ db, clock: systemClock });
  const headers = { authorization: `Bearer ${stage.shopToken}` };
  const ways = {
    cached: async (id: number) => (await details.read(id))?.skus.length,
    database: async (id: number) => (await readProduct(db, id, systemClock.now()))?.skus.length,
    http: async (id: number) => {
      const answer = await fetch(`${stage.coreUrl}/v1/products/${id}`, { headers, signal });
      return ((await answer.json()) as { skus?: unknown[] }).skus?.length;
    },
  };
  const rates = { cached: [] as number[], database: [] as number[], http: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    for (const way of ['database', 'cached', 'http'] as const) {
      rates[way].push(await measure(ways[way], ids, seconds, signal));
    }
    note(
      `round ${round + 1}: cached ${rates.cached.at(-1)?.toFixed(0)}/s, database ${rates.database.at(-1)?.toFixed(0)}/s`,
    );
  }
  const [cached, database, http] = [median(rates.cached), median(rates.database), median(rates.http)];
  return {
    lines: [
      `${READERS} readers, ${PRODUCTS} products of ${SKUS_EACH} SKUs, 4 of 5 reads of ${HOT} of them; ${rounds} rounds of ${seconds} s, medians`,
      `read from the database, in process   ${database.toFixed(0)}/s`,
      `cached, in process                   ${cached.toFixed(0)}/s, ${(cached / database).toFixed(0)} times as many`,
      `cached, over HTTP                    ${http.toFixed(0)}/s, the readers on the same cores`,
    ],
    figures: { cachedPerSecond: cached, databasePerSecond: database, httpPerSecond: http, rounds: rates },
  };
}

/** Every read must bring the whole product, or there is no figure. */
async function measure(
  read: (id: number) => Promise<number | undefined>,
  ids: readonly number[],
  seconds: number,
  signal: AbortSignal,
): Promise<number> {
  const startedMs = performance.now();
  const endMs = startedMs + seconds * 1_000;
  let reads = 0;
  const reader = async (from: number): Promise<void> => {
    for (let i = from; performance.now() < endMs; i += 1) {
      signal.throwIfAborted();
      const at = i % 5 === 0 ? (i * 7) % ids.length : (i * 3) % HOT;
      if ((await read(ids[at] ?? 0)) !== SKUS_EACH) throw new Error(`product ${ids[at]} was not read whole`);
      reads += 1;
      // What is answered from memory must not keep the others and the clock waiting.
      if (reads % 1_000 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await Promise.all(Array.from({ length: READERS }, (_, n) => reader(n * 11)));
  return (reads * 1_000) / (performance.now() - startedMs);
}

async function stockUp(stage: Stage): Promise<number[]> {
  const skus = Array.from({ length: SKUS_EACH }, (_, i) => `{"skuName": "${i}", "price": 79.00, "stock": 100}`);
  const lines = Array.from(
    { length: PRODUCTS },
    (_, n) => `{"categoryId": 1003001, "spu": {"name": "Seen ${n}"}, "skus": [${skus.join(', ')}]}`,
  );
  const answer = await fetch(`${stage.coreUrl}/v1/imports`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${stage.merchantToken}`,
      'content-type': 'application/x-ndjson',
      'idempotency-key': 'seen',
    },
    body: lines.join('\n'),
  });
  if (answer.status !== 200) throw new Error(await answer.text());
  const rows = await stage.db.query<{ id: number }>({ text: 'SELECT id FROM core.spu ORDER BY id' });
  return rows.map((row) => row.id);
}
