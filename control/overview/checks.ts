import type { Clock } from '../../core/kernel/clock.ts';
import type { Sql } from '../../core/kernel/db/database.ts';
import type { Check } from '../../reconcile/check.ts';
import { readVerdicts, type ShownVerdict, STALE_SECONDS } from '../../reconcile/verdicts.ts';
import type { CheckStatus } from '../api/contract.ts';

/**
 * Every check of this release with its verdict as it may be believed now. One that never ran or is too old for its level
 * reads `unknown` already; here, so does one that held over data which is that old: what it covered is not what is there.
 */
export async function readChecks(sql: Sql, clock: Clock, checks: readonly Check[]): Promise<CheckStatus[]> {
  const now = clock.now();
  const levels = new Map(checks.map(({ id, level }) => [id, level]));
  const verdicts = await readVerdicts(sql, checks, now);
  return verdicts.map((shown) => statusOf(shown, STALE_SECONDS[levels.get(shown.checkId) ?? 'seconds'], now));
}

function statusOf(shown: ShownVerdict, staleSeconds: number, now: Date): CheckStatus {
  const { checkId: id, title, titleZh, covers, verdict, reason, count, amounts, coverage, finishedAt } = shown;
  const behind = verdict === 'holds' && coverage.lagSeconds > staleSeconds;
  const ageSeconds = finishedAt === null ? null : Math.max(0, (now.getTime() - finishedAt.getTime()) / 1000);
  return {
    id,
    title,
    titleZh,
    covers,
    verdict: behind ? 'unknown' : verdict,
    reason: behind ? `it lags ${Math.round(coverage.lagSeconds)} s behind` : reason,
    count,
    amounts: amounts.map(({ amount, currency }) => ({ amount, currency })),
    coverage: {
      mode: coverage.mode,
      rows: coverage.rows,
      upTo: coverage.upTo,
      lagSeconds: coverage.lagSeconds,
      backlog: coverage.backlog,
      fullAt: coverage.fullAt,
      fullFailure: coverage.fullFailure,
    },
    finishedAt: finishedAt?.toISOString() ?? null,
    ageSeconds: ageSeconds === null ? null : Math.round(ageSeconds * 10) / 10,
  };
}

/** The verdict over all checks: a violation wins, then any doubt; `holds` only when every check says so. */
export function verdictOf(checks: readonly CheckStatus[]): { verdict: CheckStatus['verdict']; reason: string } {
  const violated = checks.filter(({ verdict }) => verdict === 'violated');
  if (violated.length > 0) return { verdict: 'violated', reason: `violated: ${named(violated)}` };
  const unknown = checks.filter(({ verdict }) => verdict === 'unknown');
  const [first] = unknown;
  if (first !== undefined) {
    const others = unknown.length > 1 ? ` (and ${unknown.length - 1} more)` : '';
    return { verdict: 'unknown', reason: `${first.id}: ${first.reason ?? 'it gave no verdict'}${others}` };
  }
  if (checks.length === 0) return { verdict: 'unknown', reason: 'this release has no checks' };
  const oldest = Math.max(...checks.map(({ ageSeconds }) => ageSeconds ?? 0));
  return { verdict: 'holds', reason: `all ${checks.length} checks hold, the oldest is ${Math.round(oldest)} s old` };
}

function named(checks: readonly CheckStatus[]): string {
  const shown = checks.slice(0, 3).map(({ id, count }) => `${id} (${count})`);
  return checks.length > 3 ? `${shown.join(', ')} and ${checks.length - 3} more` : shown.join(', ');
}
