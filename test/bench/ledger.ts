import { monotonicMs, systemClock } from '../../core/kernel/clock.ts';
import { systemRandom } from '../../core/kernel/random.ts';
import { writeCheckpoints } from '../../core/ledger/checkpoints.ts';
import { post } from '../../core/ledger/ledger.ts';
import { rehashSlice, sealNew } from '../../core/ledger/sealing.ts';
import { type Check, loadChecks } from '../../reconcile/check.ts';
import { runCheck } from '../../reconcile/check-run.ts';
import { type Benchmark, type BenchOptions, median, type Report } from './support/benchmark.ts';
import { coresBetween, cpuNow } from './support/cpu.ts';
import {
  type Accounts,
  addHistory,
  FILLED,
  fill,
  HOT,
  installPgledger,
  type LedgerStage,
  openLedgerStage,
  PGLEDGER_SCRIPT,
  transfer,
  transferScript,
  twoHot,
} from './support/ledger.ts';
import { pgbenchVersion, runPgbench } from './support/pgbench.ts';

const CLIENTS = [8, 20] as const;
/** Postings of the history that verification is measured after: once, and ten times as many. */
const HISTORY = 25_000;
const NEW = 2_500;
const VERIFY_ROUNDS = 9;
const CHECKS = ['entries-balanced', 'trial-balance', 'balance-after'];
const NEVER = new AbortController().signal;

export default {
  id: 'ledger',
  title: `postings/s on ${HOT} hot accounts, ${CLIENTS.join(' and ')} clients; pgbench with the same SQL; verification after 1x and 10x history`,
  peer: 'pgledger',
  run,
} satisfies Benchmark;

async function run(options: BenchOptions): Promise<Report> {
  await using stage = await openLedgerStage(options.signal, Math.max(...CLIENTS));
  await fill(stage.db);
  const verified = await verification(stage, options);
  const pgbench = await pgbenchVersion();
  if (pgbench === null)
    options.note('pgbench is missing (apt-get install postgresql-contrib): only our own figure is measured');
  const peerUrl = options.peer.length === 0 ? null : await installPgledger(stage, options.peer);
  const speeds: Speed[] = [];
  for (const clients of CLIENTS) speeds.push(await speedWith(stage, options, clients, pgbench !== null, peerUrl));
  await prove(stage);
  return report(speeds, verified);
}

interface Speed {
  readonly clients: number;
  /** Postings a second in each round, by who played. */
  readonly rates: Readonly<Record<string, readonly number[]>>;
  /** CPU of the database in milliseconds a posting: what holds on a machine that others use too. */
  readonly costs: Readonly<Record<string, readonly number[]>>;
}

async function speedWith(
  stage: LedgerStage,
  options: BenchOptions,
  clients: number,
  withPgbench: boolean,
  peerUrl: string | null,
): Promise<Speed> {
  const rates: Record<string, number[]> = {};
  const costs: Record<string, number[]> = {};
  const database = [{ name: 'postgres', pid: stage.postgres.pid, family: true }] as const;
  const note = async (who: string, playing: () => Promise<number>): Promise<void> => {
    const [before, beganMs] = [cpuNow(database), monotonicMs()];
    const rate = await playing();
    const cores = coresBetween(before, cpuNow(database), (monotonicMs() - beganMs) / 1_000)['postgres'] ?? 0;
    rates[who] = [...(rates[who] ?? []), rate];
    costs[who] = [...(costs[who] ?? []), (cores * 1_000) / rate];
    options.note(`${clients} clients, ${who}: ${rate.toFixed(0)} postings/s`);
  };
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const accounts of ['platform', 'wallets'] as const) {
      await note(`ours, ${accounts}`, () => playOurs(stage, options, accounts, clients));
      if (!withPgbench) continue;
      const script = await transferScript(stage.db, accounts, `pgb_${accounts}_${clients}_${round}`);
      await note(`pgbench, ${accounts}`, () => playPgbench(stage, options, stage.postgres.appUrl, script, clients));
    }
    if (peerUrl !== null) await note('pgledger', () => playPgbench(stage, options, peerUrl, PGLEDGER_SCRIPT, clients));
  }
  return { clients, rates, costs };
}

/** Each client books one posting after the other, through `post` over a pool of as many connections. */
async function playOurs(
  { db }: LedgerStage,
  { seconds, signal }: BenchOptions,
  accounts: Accounts,
  clients: number,
): Promise<number> {
  const began = monotonicMs();
  const until = began + seconds * 1_000;
  let booked = 0;
  const client = async (): Promise<void> => {
    while (monotonicMs() < until && !signal.aborted) {
      await post(db, systemClock, transfer(accounts, ...twoHot()));
      booked += 1;
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  signal.throwIfAborted();
  return (booked * 1_000) / (monotonicMs() - began);
}

async function playPgbench(
  { directory }: LedgerStage,
  { seconds, signal }: BenchOptions,
  url: string,
  script: string,
  clients: number,
): Promise<number> {
  return (await runPgbench({ url, script, directory, clients, seconds, signal })).tps;
}

/** Milliseconds, medians. */
interface Verified {
  readonly entries: number;
  readonly seal: number;
  readonly checkpoints: number;
  readonly checks: number;
  /** All history once: hashed again in slices, and the plain sum that it is held against. */
  readonly rehash: number;
  readonly sum: number;
}

/** What it costs to verify the same number of new entries after a history, and after ten times of it. */
async function verification(stage: LedgerStage, { note, signal }: BenchOptions): Promise<readonly Verified[]> {
  const checks = (await loadChecks()).filter(({ id }) => CHECKS.includes(id));
  const done: Verified[] = [];
  let postings = 0;
  for (const times of [1, 10]) {
    await addHistory(stage.db, `history_${times}`, HISTORY * times - postings);
    postings = HISTORY * times;
    await sealEverything(stage);
    await writeCheckpoints({ db: stage.db, clock: systemClock });
    for (const check of checks) await runCheck(kitOf(stage), check, { full: true, signal });
    const measured = await verifyNew(stage, checks, times);
    const rehash = await timed(() => rehashEverything(stage));
    const sum = await timed(() => stage.db.query({ text: 'SELECT currency, sum(amount) FROM core.entry GROUP BY 1' }));
    done.push({ ...measured, rehash, sum });
    note(`after ${times}x history: ${JSON.stringify(done.at(-1))}`);
  }
  return done;
}

async function verifyNew(
  stage: LedgerStage,
  checks: readonly Check[],
  times: number,
): Promise<Omit<Verified, 'rehash' | 'sum'>> {
  const seal: number[] = [];
  const checkpoints: number[] = [];
  const looks: number[] = [];
  for (let round = 0; round < VERIFY_ROUNDS; round += 1) {
    await addHistory(stage.db, `new_${times}_${round}`, NEW);
    seal.push(await timed(() => sealEverything(stage)));
    checkpoints.push(await timed(() => writeCheckpoints({ db: stage.db, clock: systemClock })));
    looks.push(
      await timed(async () => {
        for (const check of checks) await demandHolds(stage, check);
      }),
    );
  }
  const [row] = await stage.db.query<{ entries: number }>({ text: 'SELECT count(*) AS entries FROM core.entry' });
  const entries = row?.entries ?? 0;
  return { entries, seal: median(seal), checkpoints: median(checkpoints), checks: median(looks) };
}

function kitOf({ db, log }: LedgerStage) {
  return { db, log, clock: systemClock, random: systemRandom };
}

async function demandHolds(stage: LedgerStage, check: Check): Promise<void> {
  const { verdict, reason } = await runCheck(kitOf(stage), check, { signal: NEVER });
  if (verdict !== 'holds') throw new Error(`${check.id} is ${verdict}: ${reason}`);
}

async function sealEverything({ db }: LedgerStage): Promise<void> {
  while ((await sealNew({ db, clock: systemClock }, 'bench')).length > 0);
}

async function rehashEverything({ db }: LedgerStage): Promise<void> {
  for (;;) {
    const { broken, whole } = await rehashSlice({ db, clock: systemClock });
    if (broken.length > 0) throw new Error(`blocks ${broken.join()} are broken`);
    if (whole) return;
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = monotonicMs();
  await work();
  return monotonicMs() - began;
}

/** Every posting is whole, wallets are what their entries say, and no unit was made or lost. */
async function prove({ db }: LedgerStage): Promise<void> {
  const [books] = await db.query({
    text: `SELECT (SELECT count(*) FROM (SELECT posting_id FROM core.entry GROUP BY 1 HAVING sum(amount) <> 0 OR count(*) <> 2) torn) AS torn,
        (SELECT sum(balance)::bigint FROM core.account WHERE floor IS NOT NULL) AS held,
        (SELECT count(*) FROM core.account a WHERE floor IS NOT NULL AND (balance, sequence) IS DISTINCT FROM
          (SELECT (-sum(amount)::bigint, count(*)) FROM core.entry e WHERE e.account_id = a.id)) AS drifted`,
  });
  const wanted = { torn: 0, held: HOT * FILLED, drifted: 0 };
  if (JSON.stringify(books) !== JSON.stringify(wanted)) throw new Error(`the books disagree: ${JSON.stringify(books)}`);
}

function report(speeds: readonly Speed[], verified: readonly Verified[]): Report {
  const lines: string[] = [];
  for (const { clients, rates, costs } of speeds) {
    for (const [who, all] of Object.entries(rates)) {
      const range = `${Math.min(...all).toFixed(0)} to ${Math.max(...all).toFixed(0)}`;
      lines.push(
        `${String(clients).padStart(2)} clients  ${who.padEnd(20)} ${median(all).toFixed(0).padStart(6)}/s (${range}), database ${median(costs[who] ?? []).toFixed(3)} ms each`,
      );
    }
    const of = (who: string): number => median(rates[who] ?? []);
    for (const accounts of ['platform', 'wallets']) {
      for (const yardstick of [`pgbench, ${accounts}`, 'pgledger']) {
        if (rates[yardstick] === undefined) continue;
        lines.push(
          `            ours, ${accounts}: ${(of(`ours, ${accounts}`) / of(yardstick)).toFixed(2)} x ${yardstick}`,
        );
      }
    }
  }
  const [once, tenfold] = verified;
  for (const v of verified) {
    const all = `${((v.rehash / v.entries) * 1_000).toFixed(1)} us an entry, a plain sum ${v.sum.toFixed(0)} ms`;
    lines.push(
      `${v.entries} entries: ${2 * NEW} new ones sealed in ${v.seal.toFixed(0)} ms, checked in ${v.checks.toFixed(0)} ms, ` +
        `checkpoints in ${v.checkpoints.toFixed(0)} ms; all hashed again in ${v.rehash.toFixed(0)} ms (${all})`,
    );
  }
  if (once !== undefined && tenfold !== undefined) {
    const ratio = (of: (v: Verified) => number): string => (of(tenfold) / of(once)).toFixed(2);
    lines.push(
      `10x history: sealing ${ratio((v) => v.seal)} x, checks ${ratio((v) => v.checks)} x, checkpoints ${ratio((v) => v.checkpoints)} x`,
    );
  }
  return { lines, figures: { speeds, verified } };
}
