import { monotonicMs } from '../../core/kernel/clock.ts';
import type { Check } from '../../reconcile/check.ts';
import type { Repair } from '../../reconcile/repair.ts';
import { readStandings } from '../../reconcile/stuck.ts';
import type { Overview } from '../api/contract.ts';
import type { ControlContext } from '../context.ts';
import type { InstanceRow } from '../instances/instances.store.ts';
import { hasApplied, statusOf, type Target } from '../instances/instances.ts';
import { readSpread } from '../instances/propagation.ts';
import { listSwitches } from '../switches/switches.ts';
import { readChecks, verdictOf } from './checks.ts';
import { readExposure, worstFindings } from './findings.ts';
import { funnelOf, stuckOf } from './flow.ts';
import { repairStatuses } from './repairs.ts';
import { readToday } from './tally.ts';

export type OverviewContext = Pick<ControlContext, 'db' | 'clock' | 'switches' | 'feed'> & {
  readonly checks: readonly Check[];
  readonly repairs: readonly Repair[];
};

/** What a screen can show; the lists behind it page. */
const SHOWN_FINDINGS = 20;
const SHOWN_INSTANCES = 200;
/** One reading serves every screen that looks within it. */
const FRESH_MS = 500;

/** The terminal's first screen, read at most twice a second however many terminals look. */
export class OverviewReader {
  readonly #context: OverviewContext;
  #reading: Promise<Overview> | undefined;
  #readMs = Number.NEGATIVE_INFINITY;

  constructor(context: OverviewContext) {
    this.#context = context;
  }

  /** Rejects when the database does not answer; that answer is not kept. */
  read(): Promise<Overview> {
    if (this.#reading !== undefined && monotonicMs() - this.#readMs < FRESH_MS) return this.#reading;
    const reading = readOverview(this.#context);
    this.#reading = reading;
    this.#readMs = monotonicMs();
    reading.catch(() => {
      if (this.#reading === reading) this.#reading = undefined;
    });
    return reading;
  }
}

async function readOverview({ db, clock, switches, feed, checks, repairs }: OverviewContext): Promise<Overview> {
  const { head } = feed;
  const [standings, today, checkStates, repairStates, switchViews, spread, exposure, findings] = await Promise.all([
    readStandings(db, clock.now()),
    readToday(db, clock),
    readChecks(db, clock, checks),
    repairStatuses(db, repairs),
    listSwitches(db, switches),
    readSpread(db, head),
    readExposure(db),
    worstFindings(db, SHOWN_FINDINGS),
  ]);
  const { verdict, reason } = verdictOf(checkStates);
  return {
    at: clock.now().toISOString(),
    verdict,
    verdictReason: reason,
    moneyAtRisk: exposure.atRisk,
    gmvToday: [...today.paid],
    openFindings: exposure.open,
    funnel: funnelOf(standings, today),
    stuck: stuckOf(standings),
    checks: checkStates,
    repairs: repairStates,
    switches: switchViews,
    instances: worstFirst(spread.rows, head)
      .slice(0, SHOWN_INSTANCES)
      .map((row) => statusOf(row, head)),
    propagation: spread.propagation,
    findings,
  };
}

/** Those that do not enforce the newest rules, the longest silent first; then the others by name. */
function worstFirst(rows: readonly InstanceRow[], head: Target): InstanceRow[] {
  const behind = rows.filter((row) => !hasApplied(row, head)).sort((a, b) => b.silentSeconds - a.silentSeconds);
  return [...behind, ...rows.filter((row) => hasApplied(row, head))];
}
