import { monotonicMs, sleep } from '../../core/kernel/clock.ts';
import type { Sql } from '../../core/kernel/db/database.ts';
import type { Propagation } from '../api/contract.ts';
import type { ControlContext } from '../context.ts';
import { acknowledgementDelays, activeInstances, type InstanceRow } from './instances.store.ts';
import { hasApplied, LOST_SECONDS, type Target, whyNot } from './instances.ts';

/** The planning figure, twice over. */
const MAX_INSTANCES = 20_000;
/** Names beyond these tell a person nothing more; the figures count all. */
const MAX_STRAGGLERS = 100;
/** How often to look for acknowledgements that another replica took. */
const LOOK_MS = 100;

/** Who enforces `target` and who does not, with the reason. A silent instance counts until it signs off or is retired. */
export async function propagationOf(sql: Sql, target: Target): Promise<Propagation> {
  return (await readSpread(sql, target)).propagation;
}

/** The same, with the instances it was counted from. */
export async function readSpread(
  sql: Sql,
  target: Target,
): Promise<{ rows: readonly InstanceRow[]; propagation: Propagation }> {
  const [rows, delays] = await Promise.all([
    activeInstances(sql, MAX_INSTANCES),
    acknowledgementDelays(sql, target.revision),
  ]);
  return { rows, propagation: described(rows, delays, target) };
}

function described(rows: readonly InstanceRow[], delays: readonly number[], target: Target): Propagation {
  const behind = rows.filter((row) => !hasApplied(row, target));
  return {
    revision: target.revision,
    applied: rows.length - behind.length,
    total: rows.length,
    stragglers: behind.slice(0, MAX_STRAGGLERS).map((row) => ({ instance: row.name, reason: whyNot(row, target) })),
    p50Ms: percentile(delays, 0.5),
    p99Ms: percentile(delays, 0.99),
    maxMs: delays.at(-1) ?? null,
  };
}

/** The nearest-rank percentile of values that are sorted. */
function percentile(sorted: readonly number[], share: number): number | null {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? null;
}

/**
 * Waits until everybody enforces `target`, at most `waitMs`, and says how far it came. Those that have been lost for long
 * are not waited for: they will not answer within any wait that a person would bear.
 */
export async function awaitPropagation(
  { db, inbox }: Pick<ControlContext, 'db' | 'inbox'>,
  target: Target,
  waitMs: number,
  signal: AbortSignal,
): Promise<Propagation> {
  const untilMs = monotonicMs() + waitMs;
  for (;;) {
    const written = inbox.nextWrite;
    const rows = await activeInstances(db, MAX_INSTANCES);
    const waitingFor = rows.filter((row) => !hasApplied(row, target) && row.silentSeconds <= LOST_SECONDS);
    const leftMs = untilMs - monotonicMs();
    if (waitingFor.length === 0 || leftMs <= 0 || signal.aborted) {
      return described(rows, await acknowledgementDelays(db, target.revision), target);
    }
    const look = new AbortController();
    await Promise.race([written, sleep(Math.min(leftMs, LOOK_MS), look.signal)]);
    look.abort();
  }
}
