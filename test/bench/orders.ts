import { mkdtemp, rm } from 'node:fs/promises';
import type { Benchmark, BenchOptions, Report } from './support/benchmark.ts';
import { median, percentile } from './support/benchmark.ts';
import { type CpuSeconds, coresBetween, cpuNow } from './support/cpu.ts';
import {
  PGBENCH_MACHINE,
  type PgbenchRun,
  pgbenchScript,
  pgbenchVersion,
  type Recorded,
  runPgbench,
} from './support/pgbench.ts';
import { record, type Transaction } from './support/recording.ts';
import { type Goods, LEGS, type Played, play, Shopper, stockUp } from './support/shoppers.ts';
import { openStage, type Stage } from './support/stage.ts';

const SHOPPERS = 16;
const SKUS = 200;
const OUTSIDE_DELAY_MS = 1;
/** Until the code is compiled: less on a machine that is slow or busy. */
const WARM_UP_ORDERS = 3_000;
const WARM_UP_MAX_SECONDS = 12;
/** A user whom no other order has, so that the recording knows him. */
const RECORDED_USER = 987_654_321;

export default {
  id: 'orders',
  title: `orders/s placed -> paid over HTTP, ${SHOPPERS} shoppers, the outside at ${OUTSIDE_DELAY_MS} ms; pgbench with the same SQL`,
  run,
} satisfies Benchmark;

interface Round {
  readonly played: Played;
  /** Cores busy, by process. */
  readonly cores: CpuSeconds;
  /** Null where there is no pgbench. */
  readonly yardsticks: Yardsticks | null;
}

interface Yardsticks {
  readonly plain: PgbenchRun;
  readonly pipelined: PgbenchRun;
  /** CPU of the database, milliseconds an order, under the plain one. */
  readonly databaseMs: number;
}

async function run(options: BenchOptions): Promise<Report> {
  const { note, signal, rounds, seconds } = options;
  await using stage = await openStage({ ...options, outsideDelayMs: OUTSIDE_DELAY_MS });
  const goods = await stockUp(stage, SKUS);
  const shoppers = await Promise.all(Array.from({ length: SHOPPERS }, () => Shopper.open(stage)));
  try {
    note('warming up');
    let orders = 0;
    for (let second = 0; second < WARM_UP_MAX_SECONDS && orders < WARM_UP_ORDERS; second += 1) {
      orders += (await play(shoppers, goods, 1, signal)).orders;
    }
    const transactions = await recordOneOrder(stage, shoppers, goods);
    orders += 1;
    const recorded = { transactions, userId: RECORDED_USER, skuId: goods.firstSku, goods };
    const pgbench = await pgbenchVersion();
    if (pgbench === null)
      note('pgbench is missing (apt-get install postgresql-contrib): only our own figure is measured');
    const done: Round[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      const made = await playRound(stage, shoppers, options, recorded, pgbench !== null);
      const theirs = made.yardsticks?.plain.tps.toFixed(0) ?? '-';
      note(`round ${round}: ${rate(made.played).toFixed(0)} orders/s, pgbench ${theirs}`);
      orders += made.played.orders;
      done.push(made);
    }
    const theirOrders = sum(
      done.map(({ yardsticks: y }) => (y === null ? 0 : y.plain.processed + y.pipelined.processed)),
    );
    const books = await compareBooks(stage, orders, theirOrders);
    return report(done, transactions, books, { pgbench, seconds });
  } finally {
    for (const shopper of shoppers) shopper[Symbol.dispose]();
  }
}

async function recordOneOrder(
  stage: Stage,
  [shopper]: readonly Shopper[],
  goods: Goods,
): Promise<readonly Transaction[]> {
  const settled = async (): Promise<boolean> => {
    const [row] = await stage.db.query<{ moving: number }>({
      text: `SELECT (SELECT count(*) FROM core.payment WHERE state NOT IN ('P8')) + (SELECT count(*) FROM core.shipment
        WHERE state NOT IN ('F2', 'F4')) AS moving`,
    });
    return row?.moving === 0;
  };
  return record(stage, async () => shopper?.buy(RECORDED_USER, goods.firstSku, () => undefined), settled);
}

async function playRound(
  stage: Stage,
  shoppers: readonly Shopper[],
  options: BenchOptions,
  recorded: Recorded,
  withPgbench: boolean,
): Promise<Round> {
  const before = cpuNow(stage.processes);
  const played = await play(shoppers, recorded.goods, options.seconds, options.signal);
  const cores = coresBetween(before, cpuNow(stage.processes), played.seconds);
  return { played, cores, yardsticks: withPgbench ? await measureYardsticks(stage, options, recorded) : null };
}

async function measureYardsticks(
  stage: Stage,
  { seconds, signal }: BenchOptions,
  recorded: Recorded,
): Promise<Yardsticks> {
  const directory = await mkdtemp('/var/tmp/tidegate-pgbench-');
  const database = stage.processes.filter(({ name }) => name === 'postgres');
  const run = (how: 'plain' | 'pipelined'): Promise<PgbenchRun> =>
    runPgbench({
      url: stage.postgres.appUrl,
      script: pgbenchScript(recorded, how),
      directory,
      clients: SHOPPERS,
      seconds,
      signal,
    });
  try {
    const before = cpuNow(database);
    const plain = await run('plain');
    const cores = coresBetween(before, cpuNow(database), seconds)['postgres'] ?? 0;
    return { plain, pipelined: await run('pipelined'), databaseMs: (cores / plain.tps) * 1_000 };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

interface Books {
  readonly paid: number;
  readonly captured: number;
  readonly clearing: number;
  readonly total: number;
  readonly pgbenchPaid: number;
}

/** Every order is paid, and channel, captures and ledger say the same; what pgbench wrote stands in the same states. */
async function compareBooks(stage: Stage, orders: number, pgbenchOrders: number): Promise<Books> {
  const ours = `substr(o.id, 11, 3) <> '${PGBENCH_MACHINE}'`;
  const [books] = await stage.db.query<Books>({
    text: `SELECT count(*) FILTER (WHERE ${ours}) AS paid,
        count(*) FILTER (WHERE NOT ${ours}) AS "pgbenchPaid",
        coalesce(sum(c.amount) FILTER (WHERE ${ours}), 0)::bigint AS captured,
        coalesce(sum(e.amount) FILTER (WHERE ${ours}), 0)::bigint AS clearing,
        (SELECT coalesce(sum(amount), 0)::bigint FROM core.entry) AS total
      FROM core.orders o JOIN core.payment p ON p.pay_order_id = o.pay_order_id AND p.state = 'P8'
        JOIN core.capture c ON c.payment_id = p.id
        JOIN core.posting b ON b.kind = 'capture' AND b.reference = c.id
        JOIN core.entry e ON e.posting_id = b.id AND e.account_id LIKE 'clearing:%'
        JOIN core.reservation r ON r.order_id = o.id AND r.state = 'taken'
        JOIN core.shipment s ON s.order_id = o.id AND s.state IN ('F0', 'F1', 'F2')
        JOIN core.pay_order y ON y.id = o.pay_order_id AND y.paid_at IS NOT NULL
      WHERE o.state = 'O1'`,
  });
  const truth = (await (await fetch(`${stage.outsideUrl}/truth`)).json()) as { paid: number; amount: number };
  if (books === undefined) throw new Error('no books');
  const agree =
    books.paid === orders &&
    truth.paid === orders &&
    books.captured === truth.amount &&
    books.clearing === truth.amount &&
    books.total === 0 &&
    books.pgbenchPaid === pgbenchOrders;
  if (!agree) throw new Error(`the books disagree: ${JSON.stringify({ orders, pgbenchOrders, books, truth })}`);
  return books;
}

function report(
  rounds: readonly Round[],
  transactions: readonly Transaction[],
  books: Books,
  run: { readonly pgbench: string | null; readonly seconds: number },
): Report {
  const each = (of: (round: Round) => number): readonly number[] => rounds.map(of);
  const theirs = (of: (yardsticks: Yardsticks) => number): readonly number[] =>
    rounds.flatMap(({ yardsticks }) => (yardsticks === null ? [] : of(yardsticks)));
  const rates = each(({ played }) => rate(played));
  const ours = median(rates);
  const plain = theirs((y) => y.plain.tps);
  const pipelined = theirs((y) => y.pipelined.tps);
  const legs = LEGS.map((leg) => {
    const all = rounds.flatMap(({ played }) => played.latencies[leg]);
    return { leg, p50: percentile(all, 0.5), p99: percentile(all, 0.99) };
  });
  const names = Object.keys(rounds[0]?.cores ?? {});
  const cores = Object.fromEntries(names.map((name) => [name, median(each((r) => r.cores[name] ?? 0))]));
  // Where others load the machine too, the rates fall and these hardly do.
  const costs = Object.fromEntries(Object.entries(cores).map(([name, used]) => [name, (used / ours) * 1_000]));
  const databaseMs = median(theirs((y) => y.databaseMs));
  const statements = sum(transactions.map((t) => t.statements.length));
  const against = (what: string, tps: readonly number[]): string[] =>
    tps.length === 0 ? [] : [`${what.padEnd(38)} ${perSecond(tps)}   ours is ${percent(ours / median(tps))} of it`];
  return {
    lines: [
      `${SHOPPERS} shoppers, ${rounds.length} rounds of ${run.seconds} s, medians; the outside is a process in memory that answers after ${OUTSIDE_DELAY_MS} ms`,
      `${'orders placed -> paid, over HTTP'.padEnd(38)} ${perSecond(rates)}`,
      ...against('pgbench, the same SQL', plain),
      ...against('pgbench, each transaction pipelined', pipelined),
      ...legs.map(({ leg, p50, p99 }) => `${leg.padEnd(9)} p50 ${p50.toFixed(1)} ms   p99 ${p99.toFixed(1)} ms`),
      `cores busy     ${list(cores, '')}`,
      `CPU an order   ${list(costs, ' ms')}${plain.length === 0 ? '' : `; under pgbench: postgres ${databaseMs.toFixed(2)} ms`}`,
      `an order: ${transactions.length} transactions, ${statements} statements; ${run.pgbench ?? 'no pgbench'}`,
      `books: ${books.paid} orders paid, captured = ledger = channel = ${books.captured}; pgbench paid ${books.pgbenchPaid}`,
    ],
    figures: {
      ordersPerSecond: ours,
      pgbenchPerSecond: plain.length === 0 ? null : median(plain),
      pgbenchPipelinedPerSecond: pipelined.length === 0 ? null : median(pipelined),
      shareOfPgbench: plain.length === 0 ? null : ours / median(plain),
      legs,
      cores,
      cpuMsPerOrder: costs,
      pgbenchDatabaseMsPerOrder: databaseMs,
      transactionsPerOrder: transactions.length,
      statementsPerOrder: statements,
      books,
      rounds: { ordersPerSecond: rates, pgbench: plain, pgbenchPipelined: pipelined },
    },
  };
}

/** The median, and each round. */
function perSecond(values: readonly number[]): string {
  return `${median(values).toFixed(0)}/s   (rounds: ${values.map((v) => v.toFixed(0)).join(', ')})`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}

function list(values: Readonly<Record<string, number>>, unit: string): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${value.toFixed(2)}${unit}`)
    .join(', ');
}

function rate({ orders, seconds }: Played): number {
  return orders / seconds;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
