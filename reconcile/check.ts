import type { Sql } from '../core/kernel/db/database.ts';
import type { Fragment } from '../core/kernel/db/fragment.ts';
import { loadRegistry } from '../core/kernel/registry.ts';
import { bySize, type SeverityRule } from './findings/tiers.ts';
import type { Scope } from './scope.ts';

/** One violating row with its money. */
export interface Violation {
  /** Names the row among the check's rows, for ever. */
  readonly rowKey: string;
  /** Minor units at risk, never negative. */
  readonly amount: number;
  /** ISO 4217; `XXX` where no money is named. */
  readonly currency: string;
  /** One sentence with the figures that disagree. */
  readonly detail: string;
  readonly row: unknown;
  readonly firstBadAt: Date;
}

export interface Found {
  /** The worst ones first, at most `MAX_VIOLATIONS`. */
  readonly violations: readonly Violation[];
  /** All of them, counted. */
  readonly count: number;
}

/** What the dirty set of a check holds. */
export type DirtyKind = 'pay_order' | 'account' | 'sku' | 'conflict';

/** How a check follows the data: by a watermark over the journal, by a dirty set, or by scanning a level. */
export type Mode =
  | { readonly by: 'watermark' }
  | { readonly by: 'dirty'; readonly kind: DirtyKind }
  | { readonly by: 'scan' };

export interface CheckSpec {
  /** The file's name, the runbook's name, the `check` label of the metrics. */
  readonly id: string;
  readonly title: string;
  readonly titleZh: string;
  readonly level: 'seconds' | 'hour' | 'day';
  /** An incremental run that takes longer says `unknown`. */
  readonly budgetMs: number;
  /** What a green light means, in words. */
  readonly covers: string;
  readonly mode: Mode;
  /** Default: by money and number. */
  readonly severity?: SeverityRule;
  /** SQL of how many subjects a full audit looks at: one row, `count`. */
  readonly subjects: string;
  /** The violating rows in scope. Only reads. */
  violations(sql: Sql, scope: Scope): Promise<Found>;
}

/** One fund-loss invariant (核对). One file each in `checks/`, named by its id. */
export interface Check extends CheckSpec {
  readonly severity: SeverityRule;
}

export function defineCheck(spec: CheckSpec): Check {
  return { severity: bySize, ...spec };
}

/** A run keeps so many violating rows as findings; the rest is counted. */
export const MAX_VIOLATIONS = 1000;

interface FoundRow {
  readonly row_key: string;
  readonly amount: string;
  readonly currency: string;
  readonly detail: string;
  readonly row: unknown;
  readonly first_bad_at: Date;
  readonly total: number;
}

/**
 * Runs the SQL of a check: a SELECT of `row_key, amount, currency, detail, row, first_bad_at`, one row per violation.
 * Violations are few, so it is evaluated once and cut afterwards.
 */
export async function found(sql: Sql, bad: Fragment): Promise<Found> {
  const rows = await sql.query<FoundRow>({
    text: `WITH bad AS MATERIALIZED (${bad.text})
      SELECT row_key, abs(amount)::text AS amount, currency, detail, row, first_bad_at, count(*) OVER () AS total
      FROM bad ORDER BY abs(amount) DESC, row_key LIMIT ${MAX_VIOLATIONS}`,
    values: bad.values,
  });
  return {
    count: rows[0]?.total ?? 0,
    violations: rows.map((row) => ({
      rowKey: row.row_key,
      // Sums are numeric; beyond 2^53 the figure no longer matters, that it is beyond does.
      amount: Math.min(Number(row.amount), Number.MAX_SAFE_INTEGER),
      currency: row.currency,
      detail: row.detail,
      row: row.row,
      firstBadAt: row.first_bad_at,
    })),
  };
}

const FOLDER = new URL('./checks/', import.meta.url);

/** Every check of this release. Throws when a file does not export the check that its name says. */
export async function loadChecks(): Promise<readonly Check[]> {
  return [...(await loadRegistry<Check>(FOLDER)).values()];
}
