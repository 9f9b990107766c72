import type { CoreContext } from '../core/context.ts';
import { monotonicMs } from '../core/kernel/clock.ts';
import { CommitUnknown, DatabaseUnavailable } from '../core/kernel/db/failures.ts';
import { claimDue, type Driver, drive, type Step } from '../core/kernel/driver.ts';
import type { Machine, MachineRow } from '../core/kernel/machine.ts';
import { loadRegistry } from '../core/kernel/registry.ts';

/** How one run of a repair ended for its rows. `failed`: the row's own step broke; its lease brings it back. */
export type Outcome = 'advanced' | 'waiting' | 'person' | 'failed';

/** What one run did. */
export interface RepairReport {
  readonly scanned: number;
  readonly outcomes: ReadonlyMap<string, Readonly<Record<Outcome, number>>>;
  readonly oldestAgeMs: number;
  readonly durationMs: number;
}

export interface RunLimits {
  /** Rows claimed at once: small, so that replicas that scan together share what is due. */
  readonly batch: number;
  /** Batches under way at once; `batch * lanes` rows are driven together at the most. */
  readonly lanes: number;
  /** No new batch is claimed after it. */
  readonly budgetMs: number;
}

export const DEFAULT_LIMITS: RunLimits = { batch: 4, lanes: 4, budgetMs: 10_000 };

export interface RunSignals {
  /** Fires: claim no more; what is under way finishes. */
  readonly stop: AbortSignal;
  /** Fires: calls under way are given up. */
  readonly abort: AbortSignal;
}

/** One stuck state and who brings it forward. One file each in `repairs/`, named by its id. */
export interface Repair {
  readonly id: string;
  /** What it does, in one line. */
  readonly title: string;
  /** The machine and the states it cares for. A sweep that moves no machine has none. */
  readonly machine: string | null;
  readonly states: readonly string[];
  run(context: CoreContext, limits: RunLimits, signals: RunSignals): Promise<RepairReport>;
}

export interface RowRepair<Row extends MachineRow, M extends Machine> {
  readonly id: string;
  readonly title: string;
  readonly machine: M;
  readonly states: readonly (keyof M['states'] & string)[];
  /** The one that requests and callbacks call, too. */
  readonly driver: Driver<Row, CoreContext>;
}

/** A repair of rows: claims what is due in its states and drives it. */
export function defineRepair<Row extends MachineRow, M extends Machine>(spec: RowRepair<Row, M>): Repair {
  const driver = tolerant(spec.driver);
  return {
    id: spec.id,
    title: spec.title,
    machine: spec.machine.name,
    states: spec.states,
    run: (context, limits, signals) =>
      runLanes(limits, signals, async (tally) => {
        const now = context.clock.now();
        const rows = await claimDue<Row>(context.db, spec.machine, spec.states, { now, limit: limits.batch });
        for (const row of rows) tally.saw(now.getTime() - row.state_since.getTime());
        return rows.map((row) => async () => {
          try {
            const { outcome } = await drive(driver, context, row, signals.abort);
            tally.count(row.state, outcome === 'busy' ? 'waiting' : outcome);
          } catch (error) {
            tally.count(row.state, 'failed');
            context.log.warn({ err: error, repair: spec.id, row: row.id }, 'a row could not be driven; it comes again');
          }
        });
      }),
  };
}

export interface Sweep {
  readonly id: string;
  readonly title: string;
  /** The label its outcomes are counted under. */
  readonly state: string;
  /** Settles up to `limit` rows in one transaction of its own; returns how many orders had some, 0 when none is due. */
  sweep(context: CoreContext, limit: number): Promise<number>;
}

/** How many a sweep settles in one transaction: locks are held for all of them. */
const SWEEP_BATCH = 200;

/** A repair of rows that no driver moves: one statement settles a batch of them. */
export function defineSweep(spec: Sweep): Repair {
  return {
    id: spec.id,
    title: spec.title,
    machine: null,
    states: [spec.state],
    async run(context, limits, signals) {
      const tally = new Tally();
      const deadline = monotonicMs() + limits.budgetMs;
      while (!signals.stop.aborted && monotonicMs() < deadline) {
        const settled = await spec.sweep(context, SWEEP_BATCH);
        for (let i = 0; i < settled; i += 1) {
          tally.saw(0);
          tally.count(spec.state, 'advanced');
        }
        if (settled === 0) break;
      }
      return tally.report();
    },
  };
}

/**
 * A step that throws would leave its row to be claimed for ever, every ten seconds, in silence. So it counts as an
 * unknown answer: with back-off, on the row's timeline, and at last before a person. A database that is away is no fault
 * of the row.
 */
function tolerant<Row extends MachineRow>(driver: Driver<Row, CoreContext>): Driver<Row, CoreContext> {
  return {
    machine: driver.machine,
    scope: (row) => driver.scope(row),
    async step(context, row, signal): Promise<Step<Row>> {
      try {
        return await driver.step(context, row, signal);
      } catch (error) {
        if (error instanceof DatabaseUnavailable || error instanceof CommitUnknown || signal.aborted) throw error;
        context.log.error({ err: error, machine: driver.machine.name, row: row.id }, 'a step broke');
        return { kind: 'unknown', reason: `the step broke: ${error instanceof Error ? error.message : String(error)}` };
      }
    },
  };
}

class Tally {
  readonly #startedMs = monotonicMs();
  readonly #outcomes = new Map<string, Record<Outcome, number>>();
  #scanned = 0;
  #oldestAgeMs = 0;

  saw(ageMs: number): void {
    this.#scanned += 1;
    this.#oldestAgeMs = Math.max(this.#oldestAgeMs, ageMs);
  }

  count(state: string, outcome: Outcome): void {
    const counts = this.#outcomes.get(state) ?? { advanced: 0, waiting: 0, person: 0, failed: 0 };
    counts[outcome] += 1;
    this.#outcomes.set(state, counts);
  }

  report(): RepairReport {
    return {
      scanned: this.#scanned,
      outcomes: this.#outcomes,
      oldestAgeMs: this.#oldestAgeMs,
      durationMs: monotonicMs() - this.#startedMs,
    };
  }
}

/**
 * Claims and drives in lanes: an idle run is one claim in one lane; each full batch opens another lane, up to the limit,
 * so that the width follows what is due. A lane claims again only when its batch is done: slow answers outside slow the
 * claiming down, and leave the rest to other replicas.
 */
async function runLanes(
  limits: RunLimits,
  signals: RunSignals,
  claim: (tally: Tally) => Promise<(() => Promise<void>)[]>,
): Promise<RepairReport> {
  const tally = new Tally();
  const deadline = monotonicMs() + limits.budgetMs;
  const lanes: Promise<void>[] = [];
  const lane = async (): Promise<void> => {
    while (!signals.stop.aborted && monotonicMs() < deadline) {
      const work = await claim(tally);
      const full = work.length === limits.batch;
      if (full && lanes.length < limits.lanes) lanes.push(lane());
      await Promise.all(work.map((run) => run()));
      if (!full) return;
    }
  };
  lanes.push(lane());
  for (let i = 0; i < lanes.length; i += 1) await lanes[i];
  return tally.report();
}

const FOLDER = new URL('./repairs/', import.meta.url);

/** Every repair of this release. Throws when a file does not export the repair that its name says. */
export async function loadRepairs(): Promise<readonly Repair[]> {
  return [...(await loadRegistry<Repair>(FOLDER)).values()];
}

/** Adds up a report over its states. */
export function totalsOf(report: RepairReport): Readonly<Record<Outcome, number>> {
  const sum = { advanced: 0, waiting: 0, person: 0, failed: 0 };
  for (const counts of report.outcomes.values()) {
    sum.advanced += counts.advanced;
    sum.waiting += counts.waiting;
    sum.person += counts.person;
    sum.failed += counts.failed;
  }
  return sum;
}
