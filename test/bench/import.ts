import { readFile } from 'node:fs/promises';
import type { Benchmark, BenchOptions, Report } from './support/benchmark.ts';
import { openStage, type Stage } from './support/stage.ts';

const PRODUCTS = 10_000;
const SKUS_EACH = 10;
/** Imported one by one for the yardstick. */
const SINGLES = 200;
const MB = 1024 * 1024;

export default {
  id: 'import',
  title: `${PRODUCTS * SKUS_EACH} SKUs imported from one stream, memory watched; the same products one request each`,
  run,
} satisfies Benchmark;

function product(n: number, prefix: string): string {
  const skus = Array.from(
    { length: SKUS_EACH },
    (_, i) =>
      `{"skuName": "尺码 ${i}", "price": ${10 + (n % 90)}.${String(i).padStart(2, '0')}, "stock": 100, "salesAttributes": [{"attributeId": 202, "attributeName": "尺码", "value": "${i}"}]}`,
  );
  return `{"categoryId": 1003001, "spu": {"name": "${prefix} ${n}", "brandId": 2001, "description": "柔软舒适，100%纯棉"}, "basicAttributes": [{"attributeId": 102, "attributeName": "材质", "value": "棉"}], "skus": [${skus.join(', ')}]}`;
}

/** A file that is never whole in memory. */
function* lines(count: number, prefix: string): Generator<Uint8Array> {
  const encoder = new TextEncoder();
  for (let n = 0; n < count; n += 1) yield encoder.encode(`${product(n, prefix)}\n`);
}

async function run({ signal, profileDir, note }: BenchOptions): Promise<Report> {
  await using stage = await openStage({ signal, profileDir, outsideDelayMs: 1 });
  const core = stage.processes.find(({ name }) => name === 'core')?.pid ?? 0;
  await send(stage, 500, 'warm up', 'warm-up');
  const single = await oneByOne(stage, signal);
  note(`one by one: ${single.toFixed(0)} SKUs/s`);

  const before = await rssOf(core);
  const watch = watchRss(core, signal);
  const startedMs = performance.now();
  const done = await send(stage, PRODUCTS, '经典圆领男士T恤', 'the-file');
  const seconds = (performance.now() - startedMs) / 1_000;
  const peak = await watch.end();
  const replayedMs = performance.now();
  const again = await send(stage, PRODUCTS, '经典圆领男士T恤', 'the-file');
  const replaySeconds = (performance.now() - replayedMs) / 1_000;
  const [books] = await stage.db.query<{ products: number; skus: number; stats: number }>({
    text: `SELECT count(*) AS products, sum(s.skus)::int AS skus, count(s.spu_id) AS stats FROM core.spu p
      LEFT JOIN core.spu_stat s ON s.spu_id = p.id WHERE p.name LIKE '经典圆领男士T恤 %'`,
  });
  const right = done.made === PRODUCTS && again.made === PRODUCTS && books?.products === PRODUCTS;
  if (!right || books?.skus !== PRODUCTS * SKUS_EACH) {
    throw new Error(`not all was imported once: ${JSON.stringify({ done, again, books })}`);
  }
  const rate = (PRODUCTS * SKUS_EACH) / seconds;
  return {
    lines: [
      `${PRODUCTS} products of ${SKUS_EACH} SKUs in ${seconds.toFixed(1)} s: ${rate.toFixed(0)} SKUs/s`,
      `one request each: ${single.toFixed(0)} SKUs/s; the stream is ${(rate / single).toFixed(1)} times as fast`,
      `memory of the core: ${(before / MB).toFixed(0)} MiB before, ${(peak / MB).toFixed(0)} MiB at its peak`,
      `the same file again under its key: ${replaySeconds.toFixed(1)} s, nothing made`,
    ],
    figures: {
      skusPerSecond: rate,
      singlesPerSecond: single,
      rssBefore: before,
      rssPeak: peak,
      seconds,
      replaySeconds,
    },
  };
}

async function send(stage: Stage, count: number, prefix: string, key: string): Promise<{ readonly made: number }> {
  const init = {
    method: 'POST',
    headers: {
      authorization: `Bearer ${stage.merchantToken}`,
      'content-type': 'application/x-ndjson',
      'idempotency-key': key,
    },
    body: ReadableStream.from(lines(count, prefix)),
    duplex: 'half' as const,
  };
  const answer = await fetch(`${stage.coreUrl}/v1/imports`, init);
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(text);
  return JSON.parse(text) as { made: number };
}

async function oneByOne(stage: Stage, signal: AbortSignal): Promise<number> {
  const startedMs = performance.now();
  for (let n = 0; n < SINGLES; n += 1) {
    const answer = await fetch(`${stage.coreUrl}/v1/products`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${stage.merchantToken}`,
        'content-type': 'application/json',
        'idempotency-key': `single-${n}`,
      },
      body: product(n, 'single'),
      signal,
    });
    if (answer.status !== 201) throw new Error(await answer.text());
    await answer.body?.cancel();
  }
  return (SINGLES * SKUS_EACH * 1_000) / (performance.now() - startedMs);
}

async function rssOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1_024;
}

function watchRss(pid: number, signal: AbortSignal): { end(): Promise<number> } {
  let peak = 0;
  const look = async (): Promise<void> => {
    peak = Math.max(peak, await rssOf(pid));
  };
  // When the core is gone, what asked it says so better.
  const timer = setInterval(() => void look().catch(() => undefined), 100);
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  return {
    end: async () => {
      clearInterval(timer);
      await look();
      return peak;
    },
  };
}
