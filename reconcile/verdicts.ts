import type { Sql } from '../core/kernel/db/database.ts';
import type { Check, CheckSpec } from './check.ts';
import type { Standing } from './findings/findings.ts';

/** What a verdict rests on. A green light states what it covered. */
export interface Coverage {
  readonly mode: 'full' | 'incremental';
  /** Subjects looked at by this run: journal entries, touched keys, or all subjects of a full audit. */
  readonly rows: number;
  /** `xid` up to which the journal is verified, or null where no journal is followed. */
  readonly upTo: string | null;
  /** Age in seconds, at the run's end, of the oldest change that this verdict may not know. */
  readonly lagSeconds: number;
  /** Touched keys that wait to be looked at. */
  readonly backlog: number;
  /** When everything was last verified, and how long that took. RFC 3339; null: never. */
  readonly fullAt: string | null;
  readonly fullMs: number | null;
  /** When a full audit was last tried, to its end or not; RFC 3339. */
  readonly fullTriedAt: string | null;
  /** Full audits that failed since one was done, and why the last of them did. */
  readonly fullFailures: number;
  readonly fullFailure: string | null;
  /** The last of them failed because the database went away, which says nothing about the audit. */
  readonly fullOutage: boolean;
}

/** What full audits have come to; a run over what is new leaves it as it is. */
export type AuditFacts = Pick<
  Coverage,
  'fullAt' | 'fullMs' | 'fullTriedAt' | 'fullFailures' | 'fullFailure' | 'fullOutage'
>;

export function auditFactsOf(coverage: Coverage): AuditFacts {
  const { fullAt, fullMs, fullTriedAt, fullFailures, fullFailure, fullOutage } = coverage;
  return { fullAt, fullMs, fullTriedAt, fullFailures, fullFailure, fullOutage };
}

export type VerdictKind = 'holds' | 'violated' | 'unknown';

export interface Verdict {
  readonly checkId: string;
  readonly verdict: VerdictKind;
  /** Why it is unknown; beside a violation, why there may be more than it counts. Null: the run knows enough. */
  readonly reason: string | null;
  readonly count: number;
  readonly amounts: readonly { readonly amount: number; readonly currency: string }[];
  readonly first: unknown;
  readonly worst: unknown;
  readonly coverage: Coverage;
  readonly startedAt: Date;
  readonly finishedAt: Date;
}

/** A verdict older than this is no verdict: seconds of business time by level. */
export const STALE_SECONDS: Readonly<Record<CheckSpec['level'], number>> = { seconds: 45, hour: 7_800, day: 93_600 };

export const NO_COVERAGE: Coverage = {
  mode: 'incremental',
  rows: 0,
  upTo: null,
  lagSeconds: 0,
  backlog: 0,
  fullAt: null,
  fullMs: null,
  fullTriedAt: null,
  fullFailures: 0,
  fullFailure: null,
  fullOutage: false,
};

/** So far the clocks of two machines may be apart; a verdict from further ahead would stay young for as long as that. */
const CLOCK_SKEW_SECONDS = 5;

export function amountsOf(standing: Standing): Verdict['amounts'] {
  return [...standing.amounts].map(([currency, amount]) => ({ amount, currency }));
}

/** Lets nobody else write a check's verdict before this transaction ends, whether it has one or not. */
export async function lockVerdict(sql: Sql, checkId: string): Promise<void> {
  await sql.query({
    name: 'verdict_lock',
    text: `SELECT pg_advisory_xact_lock(hashtextextended('verdict ' || $1, 0))`,
    values: [checkId],
  });
}

export async function writeVerdict(sql: Sql, verdict: Verdict): Promise<void> {
  await sql.query({
    name: 'verdict_write',
    text: `INSERT INTO reconcile.check_verdict
        (check_id, verdict, reason, count, amounts, first, worst, coverage, started_at, finished_at)
      VALUES ($1, $2, $3, $4, $5::jsonb, $6::jsonb, $7::jsonb, $8::jsonb, $9, $10)
      ON CONFLICT (check_id) DO UPDATE SET verdict = excluded.verdict, reason = excluded.reason, count = excluded.count,
        amounts = excluded.amounts, first = excluded.first, worst = excluded.worst, coverage = excluded.coverage,
        started_at = excluded.started_at, finished_at = excluded.finished_at`,
    values: [
      verdict.checkId,
      verdict.verdict,
      verdict.reason,
      verdict.count,
      JSON.stringify(verdict.amounts),
      JSON.stringify(verdict.first),
      JSON.stringify(verdict.worst),
      JSON.stringify(verdict.coverage),
      verdict.startedAt,
      verdict.finishedAt,
    ],
  });
}

interface VerdictRow {
  readonly check_id: string;
  readonly verdict: VerdictKind;
  readonly reason: string | null;
  readonly count: number;
  readonly amounts: Verdict['amounts'];
  readonly first: unknown;
  readonly worst: unknown;
  readonly coverage: Coverage;
  readonly started_at: Date;
  readonly finished_at: Date;
}

export async function readVerdict(sql: Sql, checkId: string): Promise<Verdict | null> {
  return (await readAll(sql, [checkId])).get(checkId) ?? null;
}

async function readAll(sql: Sql, ids: readonly string[]): Promise<ReadonlyMap<string, Verdict>> {
  const rows = await sql.query<VerdictRow>({
    name: 'verdicts_read',
    text: 'SELECT * FROM reconcile.check_verdict WHERE check_id = ANY($1)',
    values: [ids],
  });
  return new Map(
    rows.map((row) => [
      row.check_id,
      {
        checkId: row.check_id,
        verdict: row.verdict,
        reason: row.reason,
        count: row.count,
        amounts: row.amounts,
        first: row.first,
        worst: row.worst,
        // Written by an earlier release it may lack what was added since.
        coverage: { ...NO_COVERAGE, ...row.coverage },
        startedAt: row.started_at,
        finishedAt: row.finished_at,
      },
    ]),
  );
}

/** The verdict as it may be shown now: null times where the check never ran. */
export interface ShownVerdict extends Omit<Verdict, 'startedAt' | 'finishedAt'> {
  readonly title: string;
  readonly titleZh: string;
  readonly covers: string;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
}

/**
 * Every check's newest verdict. One that never ran, ran too long ago for its level, or is dated in the future reads
 * `unknown`, never green by silence; what it had found stays told.
 */
export async function readVerdicts(sql: Sql, checks: readonly Check[], now: Date): Promise<readonly ShownVerdict[]> {
  const known = await readAll(
    sql,
    checks.map((check) => check.id),
  );
  return checks.map((check) => {
    const { id, title, titleZh, covers, level } = check;
    const shown = { checkId: id, title, titleZh, covers };
    const verdict = known.get(id);
    if (verdict === undefined) {
      return {
        ...shown,
        verdict: 'unknown',
        reason: 'it has not run yet',
        count: 0,
        amounts: [],
        first: null,
        worst: null,
        coverage: NO_COVERAGE,
        startedAt: null,
        finishedAt: null,
      };
    }
    const ageSeconds = (now.getTime() - verdict.finishedAt.getTime()) / 1000;
    if (verdict.verdict === 'violated') return { ...verdict, ...shown };
    if (ageSeconds > STALE_SECONDS[level]) {
      const said = verdict.reason === null ? '' : `: ${verdict.reason}`;
      return { ...verdict, ...shown, verdict: 'unknown', reason: `it last ran ${Math.round(ageSeconds)} s ago${said}` };
    }
    if (ageSeconds < -CLOCK_SKEW_SECONDS) {
      const ahead = `its verdict is dated ${Math.round(-ageSeconds)} s ahead: a clock is wrong`;
      return { ...verdict, ...shown, verdict: 'unknown', reason: ahead };
    }
    return { ...verdict, ...shown };
  });
}
