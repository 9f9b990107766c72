import type { Clock } from '../core/kernel/clock.ts';
import type { Database } from '../core/kernel/db/database.ts';
import type { Metrics } from '../core/kernel/metrics.ts';
import type { Check } from './check.ts';
import { summariseFindings } from './findings/findings.ts';
import { readStuck } from './stuck.ts';
import { readVerdicts } from './verdicts.ts';

const VERDICT_VALUE = { holds: 0, violated: 1, unknown: -1 } as const;
const TIERS = ['S0', 'S1', 'S2', 'S3'] as const;

/**
 * Fills the gauges from the database. They tell facts of the whole system, so every replica shows the same: a panel takes
 * their maximum, not their sum.
 */
export async function refreshGauges(
  kit: { readonly db: Database; readonly clock: Clock },
  metrics: Metrics,
  checks: readonly Check[],
): Promise<void> {
  const now = kit.clock.now();
  const [stuck, verdicts, findings] = await Promise.all([
    readStuck(kit.db, now),
    readVerdicts(kit.db, checks, now),
    summariseFindings(kit.db),
  ]);
  for (const { state, stuck: count, waitingForPerson, oldestSeconds, inState } of stuck) {
    const late = Math.max(count, waitingForPerson);
    metrics.gauge('stuckOrders', { state }).set(late);
    metrics.gauge('stuckOldest', { state }).set(inState === 0 ? 0 : oldestSeconds);
  }
  for (const { checkId, verdict, coverage } of verdicts) {
    metrics.gauge('checkVerdict', { check: checkId }).set(VERDICT_VALUE[verdict]);
    metrics.gauge('checkLag', { check: checkId }).set(coverage.lagSeconds);
  }
  metrics.clear('findings');
  // A series that is missing is no zero: dashboards need the open ones even when there are none.
  for (const tier of TIERS) metrics.gauge('findings', { tier, status: 'open' }).set(0);
  for (const { tier, status, count } of findings.counts) metrics.gauge('findings', { tier, status }).set(count);
  metrics.clear('exposure');
  for (const { currency, amount } of findings.exposure) metrics.gauge('exposure', { currency }).set(amount);
}
