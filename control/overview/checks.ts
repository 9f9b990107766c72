import { z } from 'zod';
import type { Clock } from '../../core/kernel/clock.ts';
import type { Sql } from '../../core/kernel/db/database.ts';
import { type CheckStatus, moneyAmount } from '../api/contract.ts';

/** A check that this release has, as far as a verdict depends on it. */
export interface DeclaredCheck {
  readonly id: string;
  readonly level: 'seconds' | 'hour' | 'day';
}

/** How old a verdict may be, and how far behind what it covers, before it says nothing any more. */
const MAX_AGE_SECONDS: Readonly<Record<DeclaredCheck['level'], number>> = {
  // The holder of the checks is replaced within 30 s: longer than that is not a hand-over, it is silence.
  seconds: 45,
  hour: 2 * 3_600,
  day: 26 * 3_600,
};

interface VerdictRow {
  readonly checkId: string;
  readonly verdict: string;
  readonly reason: string | null;
  readonly count: number;
  readonly amounts: unknown;
  readonly coverage: unknown;
  readonly finishedAt: Date;
}

const coverageRow = z.object({
  rows: z.number().catch(0),
  upTo: z.string().nullable().catch(null),
  lagSeconds: z.number().catch(0),
  backlog: z.number().catch(0),
});
const NOTHING_COVERED = { rows: 0, upTo: null, lagSeconds: 0, backlog: 0 };

/** Every declared check with its verdict as it may be believed now: one that is old, lags or never ran is `unknown`. */
export async function readChecks(sql: Sql, clock: Clock, declared: readonly DeclaredCheck[]): Promise<CheckStatus[]> {
  const rows = await sql.query<VerdictRow>({
    name: 'overview.checks',
    text: `SELECT check_id AS "checkId", verdict, reason, count, amounts, coverage, finished_at AS "finishedAt"
           FROM reconcile.check_verdict`,
  });
  const byId = new Map(rows.map((row) => [row.checkId, row]));
  return declared.map((check) => statusOf(check, byId.get(check.id), clock.now()));
}

function statusOf({ id, level }: DeclaredCheck, row: VerdictRow | undefined, now: Date): CheckStatus {
  if (row === undefined) {
    return {
      id,
      verdict: 'unknown',
      reason: 'has not run yet',
      count: 0,
      amounts: [],
      coverage: NOTHING_COVERED,
      finishedAt: null,
      ageSeconds: null,
    };
  }
  const coverage = coverageRow.catch(NOTHING_COVERED).parse(row.coverage);
  const ageSeconds = Math.max(0, (now.getTime() - row.finishedAt.getTime()) / 1000);
  const believed = believe(row, ageSeconds, coverage.lagSeconds, MAX_AGE_SECONDS[level]);
  return {
    id,
    ...believed,
    count: row.count,
    amounts: z.array(moneyAmount).catch([]).parse(row.amounts),
    coverage,
    finishedAt: row.finishedAt.toISOString(),
    ageSeconds: Math.round(ageSeconds * 10) / 10,
  };
}

function believe(
  { verdict, reason }: VerdictRow,
  ageSeconds: number,
  lagSeconds: number,
  maxAgeSeconds: number,
): Pick<CheckStatus, 'verdict' | 'reason'> {
  // A violation does not heal by getting old.
  if (verdict === 'violated') return { verdict, reason };
  if (ageSeconds > maxAgeSeconds) {
    return { verdict: 'unknown', reason: `last ran ${Math.round(ageSeconds)} s ago` };
  }
  if (verdict !== 'holds') return { verdict: 'unknown', reason: reason ?? 'gave no verdict' };
  if (lagSeconds > maxAgeSeconds) {
    return { verdict: 'unknown', reason: `lags ${Math.round(lagSeconds)} s behind` };
  }
  return { verdict, reason };
}

/** The verdict over all checks: a violation wins, then any doubt; `holds` only when every check says so. */
export function verdictOf(checks: readonly CheckStatus[]): { verdict: CheckStatus['verdict']; reason: string } {
  const violated = checks.filter(({ verdict }) => verdict === 'violated');
  if (violated.length > 0) return { verdict: 'violated', reason: `violated: ${named(violated)}` };
  const unknown = checks.filter(({ verdict }) => verdict === 'unknown');
  const [first] = unknown;
  if (first !== undefined) {
    const others = unknown.length > 1 ? ` and ${unknown.length - 1} more` : '';
    return { verdict: 'unknown', reason: `${first.id} ${first.reason ?? 'gave no verdict'}${others}` };
  }
  if (checks.length === 0) return { verdict: 'unknown', reason: 'no check is declared' };
  const oldest = Math.max(...checks.map(({ ageSeconds }) => ageSeconds ?? 0));
  return { verdict: 'holds', reason: `all ${checks.length} checks hold, the oldest is ${Math.round(oldest)} s old` };
}

function named(checks: readonly CheckStatus[]): string {
  const shown = checks.slice(0, 3).map(({ id, count }) => `${id} (${count})`);
  return checks.length > 3 ? `${shown.join(', ')} and ${checks.length - 3} more` : shown.join(', ');
}
