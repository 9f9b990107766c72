import { consume, type RunningConsumer, takeOverFrom } from '../core/bus/bus.ts';
import type { CoreContext } from '../core/context.ts';
import { monotonicMs, sleep } from '../core/kernel/clock.ts';
import { Holding, releaseHoldingsOf } from '../core/kernel/holding.ts';
import { newId } from '../core/kernel/ids.ts';
import type { Metrics } from '../core/kernel/metrics.ts';
import { writeCheckpoints } from '../core/ledger/checkpoints.ts';
import { rehashSlice, sealNew } from '../core/ledger/sealing.ts';
import { auditWhenDue, lookWhenAudited } from './audit.ts';
import { markDirty, readSystemIdentifier } from './check.store.ts';
import { type Check, loadChecks } from './check.ts';
import { dirtyConsumer, feed } from './dirty.ts';
import { Gauges } from './gauges.ts';
import {
  DEFAULT_LIMITS,
  loadRepairs,
  type Outcome,
  type Repair,
  type RepairReport,
  type RunLimits,
  type RunSignals,
} from './repair.ts';
import { recordRun } from './repair-runs.ts';
import { Schedule } from './schedule.ts';

export interface RunnerOptions {
  readonly context: CoreContext;
  readonly metrics: Metrics;
  /** This replica's name, shown with its runs. */
  readonly replica: string;
  /** Cron with seconds; default every second. */
  readonly scanCron?: string;
  /** Default every two seconds. */
  readonly checkCron?: string;
  readonly limits?: RunLimits;
}

const EVERY_SECOND = '* * * * * *';
const EVERY_TWO_SECONDS = '*/2 * * * * *';
const LEVEL_CRON = { seconds: EVERY_TWO_SECONDS, hour: '0 0 * * * *', day: '0 17 3 * * *' } as const;
/** Replicas that scan on the same tick come in turns first. */
const JITTER_MS = 400;
/** An idle repair says so often that it is alive. */
const IDLE_ROW_MS = 60_000;
/** What is under way when we stop gets this long. */
const FINISH_MS = 5_000;

/**
 * The reconcilers of one process: every repair on every replica, the checks and the checkpoints on the one that holds
 * them. Disposing it finishes what is under way; what is cut off is taken up by another replica when its lease ends.
 */
export class Runner implements AsyncDisposable {
  readonly #options: RunnerOptions;
  readonly #holder: string;
  readonly #stop = new AbortController();
  readonly #abort = new AbortController();
  readonly #schedule: Schedule;
  readonly #holdings: Holding[] = [];
  readonly #idleSinceMs = new Map<string, number>();
  #consumer: RunningConsumer | undefined;

  private constructor(options: RunnerOptions) {
    const { context, replica } = options;
    this.#options = options;
    // Two replicas may carry one name by mistake; what is held must still have one holder.
    this.#holder = `${nameOf(replica)}${newId('r', context.clock, context.random)}`;
    this.#schedule = new Schedule(context.log);
  }

  /** Loads every repair and check and starts them. */
  static async start(options: RunnerOptions): Promise<Runner> {
    const runner = new Runner(options);
    const { context, replica } = options;
    const [repairs, checks] = await Promise.all([
      loadRepairs(),
      loadChecks(),
      releaseHoldingsOf(context.db, nameOf(replica)),
      takeOverFrom(context, nameOf(replica)),
    ]);
    runner.#startRepairs(repairs);
    runner.#startChecks(checks);
    return runner;
  }

  get #signals(): RunSignals {
    return { stop: this.#stop.signal, abort: this.#abort.signal };
  }

  #startRepairs(repairs: readonly Repair[]): void {
    const cron = this.#options.scanCron ?? EVERY_SECOND;
    for (const repair of repairs) {
      for (const state of repair.states) {
        for (const outcome of OUTCOMES) this.#options.metrics.counter('repair', { state, outcome });
      }
      this.#schedule.add({ name: `repair ${repair.id}`, cron, jitterMs: JITTER_MS, run: () => this.#repair(repair) });
    }
  }

  async #repair(repair: Repair): Promise<void> {
    const { context, metrics, replica, limits = DEFAULT_LIMITS } = this.#options;
    const report = await repair.run(context, limits, this.#signals);
    metrics.histogram('repairRunDuration', { repair: repair.id }).observe(report.durationMs / 1000);
    countOutcomes(metrics, report);
    if (report.scanned > 0) this.#consumer?.kick();
    const idleMs = monotonicMs() - (this.#idleSinceMs.get(repair.id) ?? Number.NEGATIVE_INFINITY);
    if (report.scanned === 0 && idleMs < IDLE_ROW_MS) return;
    this.#idleSinceMs.set(repair.id, monotonicMs());
    await recordRun(context.db, repair.id, replica, report, context.clock.now());
  }

  #startChecks(checks: readonly Check[]): void {
    const { context, metrics, checkCron } = this.#options;
    const holding = this.#hold('checks');
    const checkpoints = this.#hold('checkpoints');
    const sealing = this.#hold('sealing');
    this.#consumer = consume(
      { db: context.db, clock: context.clock, log: context.log, metrics, holder: this.#holder },
      dirtyConsumer(context.clock, checks),
    );
    const onlyHolder = (held: Holding, run: () => Promise<unknown>) => async (): Promise<void> => {
      if (held.held) await run();
    };
    const { signal } = this.#abort;
    const often = checkCron ?? EVERY_TWO_SECONDS;
    this.#schedule.add({
      name: 'dirty sets',
      cron: often,
      run: onlyHolder(holding, () => feed(context, checks, signal)),
    });
    for (const check of checks) {
      const cron = check.level === 'seconds' ? often : LEVEL_CRON[check.level];
      const look = onlyHolder(holding, () => lookWhenAudited(context, check, signal));
      this.#schedule.add({ name: `check ${check.id}`, cron, jitterMs: JITTER_MS, run: look });
      const audit = onlyHolder(holding, () => auditWhenDue(context, check, signal));
      this.#schedule.add({ name: `audit ${check.id}`, cron, jitterMs: JITTER_MS, run: audit });
    }
    const run = onlyHolder(checkpoints, () => this.#checkpoint(checks));
    this.#schedule.add({ name: 'checkpoints', cron: '20 * * * * *', run });
    this.#schedule.add({ name: 'sealing', cron: '*/10 * * * * *', run: onlyHolder(sealing, () => this.#seal()) });
    const gauges = new Gauges(context, metrics, checks);
    this.#schedule.add({ name: 'gauges', cron: '*/5 * * * * *', jitterMs: JITTER_MS, run: () => gauges.refresh() });
  }

  /** A new checkpoint is looked at at once by whoever checks balances. */
  async #checkpoint(checks: readonly Check[]): Promise<void> {
    const { context } = this.#options;
    const written = await writeCheckpoints(context);
    const ids = checks.filter((c) => c.mode.by === 'dirty' && c.mode.kind === 'account').map((c) => c.id);
    await markDirty(context.db, ids, 'account', written, context.clock.now());
  }

  /** Chains what is new and hashes a slice of what is old. The log keeps the head outside the database. */
  async #seal(): Promise<void> {
    const { context } = this.#options;
    const head = (await sealNew(context, (await readSystemIdentifier(context.db)) ?? 'unknown')).at(-1);
    if (head !== undefined) {
      const { block, hash, uptoId } = head;
      context.log.info({ block, hash, uptoEntry: uptoId }, 'the journal is sealed up to here');
    }
    const { broken } = await rehashSlice(context);
    if (broken.length > 0) context.log.error({ blocks: broken }, 'sealed blocks of the journal are not what they were');
  }

  #hold(name: string): Holding {
    const { context } = this.#options;
    const holding = new Holding({ sql: context.db, name, holder: this.#holder, log: context.log });
    this.#holdings.push(holding);
    return holding;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    const ended = this.#schedule[Symbol.asyncDispose]();
    const patience = new AbortController();
    void sleep(FINISH_MS, patience.signal).then(() => this.#abort.abort());
    await ended;
    patience.abort();
    await this.#consumer?.[Symbol.asyncDispose]();
    for (const holding of this.#holdings) await holding[Symbol.asyncDispose]();
  }
}

/** What the names of a replica's holders begin with, in each of its lives. */
function nameOf(replica: string): string {
  return `${replica}/`;
}

const OUTCOMES: readonly Outcome[] = ['advanced', 'waiting', 'person', 'failed'];

function countOutcomes(metrics: Metrics, report: RepairReport): void {
  for (const [state, counts] of report.outcomes) {
    for (const outcome of OUTCOMES) {
      if (counts[outcome] > 0) metrics.counter('repair', { state, outcome }).inc(counts[outcome]);
    }
  }
}
