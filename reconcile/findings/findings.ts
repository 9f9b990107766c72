import type { Clock } from '../../core/kernel/clock.ts';
import type { Sql } from '../../core/kernel/db/database.ts';
import { newId } from '../../core/kernel/ids.ts';
import type { Random } from '../../core/kernel/random.ts';
import type { Check, Violation } from '../check.ts';
import type { Tier } from './tiers.ts';

/**
 * Findings (资损事件): one live row per violating row of a check. A row that is seen again is brought up to date; one that
 * a recheck of exactly that row clears is closed. A row that a person called a false alarm stays quiet until its money
 * changes.
 */
export interface Kit {
  readonly clock: Clock;
  readonly random: Random;
}

/** Writes violations down inside the caller's transaction: new ones are opened, known ones brought up to date. */
export async function recordFindings(
  sql: Sql,
  kit: Kit,
  check: Check,
  violations: readonly Violation[],
): Promise<void> {
  if (violations.length === 0) return;
  const now = kit.clock.now();
  const opened = await sql.query<{ id: string; detail: string; amount: number; currency: string }>({
    name: 'findings_record',
    text: `WITH bad AS (
        SELECT * FROM unnest($2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::timestamptz[])
          AS b (id, row_key, amount, currency, detail, row, first_bad_at)
      ), known AS (
        UPDATE reconcile.finding f SET amount = b.amount, currency = b.currency, detail = b.detail, row = b.row::jsonb,
          last_seen_at = $9
        FROM bad b WHERE f.check_id = $1 AND f.row_key = b.row_key AND f.closed_at IS NULL RETURNING f.row_key
      ) INSERT INTO reconcile.finding
          (id, check_id, row_key, tier, status, amount, currency, detail, row, first_bad_at, found_at, last_seen_at)
        SELECT b.id, $1, b.row_key, 'S3', 'open', b.amount, b.currency, b.detail, b.row::jsonb,
          least(b.first_bad_at, $9), $9, $9
        FROM bad b WHERE NOT EXISTS (SELECT FROM known k WHERE k.row_key = b.row_key)
          AND NOT EXISTS (SELECT FROM reconcile.finding d WHERE d.check_id = $1 AND d.row_key = b.row_key
            AND d.status = 'false_alarm' AND d.amount = b.amount AND d.currency = b.currency)
        ON CONFLICT (check_id, row_key) WHERE closed_at IS NULL DO NOTHING
        RETURNING id, detail, amount, currency`,
    values: [
      check.id,
      violations.map(() => newId('fnd', kit.clock, kit.random)),
      violations.map((v) => v.rowKey),
      violations.map((v) => v.amount),
      violations.map((v) => v.currency),
      violations.map((v) => v.detail.slice(0, 1000)),
      violations.map((v) => JSON.stringify(v.row)),
      violations.map((v) => v.firstBadAt),
      now,
    ],
  });
  await note(sql, check.id, 'finding.opened', 'open', opened, now);
}

/** Closes findings whose rows were looked at again and are right now. Returns how many. */
export async function closeHealed(sql: Sql, kit: Kit, checkId: string, rowKeys: readonly string[]): Promise<number> {
  if (rowKeys.length === 0) return 0;
  const now = kit.clock.now();
  const closed = await sql.query<{ id: string; detail: string; amount: number; currency: string }>({
    name: 'findings_close',
    text: `UPDATE reconcile.finding SET status = 'closed', closed_at = $3, closed_reason = 'no longer violated'
      WHERE check_id = $1 AND row_key = ANY($2) AND closed_at IS NULL RETURNING id, detail, amount, currency`,
    values: [checkId, rowKeys, now],
  });
  await note(sql, checkId, 'finding.closed', 'closed', closed, now);
  return closed.length;
}

/** Event rows are the way up: whoever acts on findings consumes them. */
async function note(
  sql: Sql,
  checkId: string,
  type: string,
  state: string,
  rows: readonly { id: string; detail: string; amount: number; currency: string }[],
  now: Date,
): Promise<void> {
  if (rows.length === 0) return;
  await sql.query({
    name: 'findings_note',
    text: `INSERT INTO core.event (type, machine, entity_id, to_state, actor, reason, evidence, at)
      SELECT $1, 'finding', f.id, $2, $3, f.detail, jsonb_build_object('amount', f.amount, 'currency', f.currency), $8
      FROM unnest($4::text[], $5::text[], $6::bigint[], $7::text[]) AS f (id, detail, amount, currency)`,
    values: [
      type,
      state,
      `check ${checkId}`,
      rows.map((r) => r.id),
      rows.map((r) => r.detail),
      rows.map((r) => r.amount),
      rows.map((r) => r.currency),
      now,
    ],
  });
}

/** The live findings' row keys, those unseen for longest first. */
export async function liveRows(sql: Sql, checkId: string, limit: number): Promise<string[]> {
  const rows = await sql.query<{ row_key: string }>({
    name: 'findings_live',
    text: `SELECT row_key FROM reconcile.finding WHERE check_id = $1 AND closed_at IS NULL
      ORDER BY last_seen_at, row_key LIMIT $2`,
    values: [checkId, limit],
  });
  return rows.map((row) => row.row_key);
}

/** What is wrong now by one check's live findings. */
export interface Standing {
  readonly count: number;
  readonly amounts: ReadonlyMap<string, number>;
  readonly first: unknown;
  readonly worst: unknown;
}

/** Adds up a check's live findings and gives them the tier of their sum. */
export async function rateFindings(sql: Sql, check: Check): Promise<Standing> {
  const sums = await sql.query<{ currency: string; rows: number; amount: string }>({
    name: 'findings_sums',
    text: `SELECT currency, count(*) AS rows, sum(amount)::text AS amount FROM reconcile.finding
      WHERE check_id = $1 AND closed_at IS NULL GROUP BY currency ORDER BY currency`,
    values: [check.id],
  });
  const rows = sums.reduce((total, sum) => total + sum.rows, 0);
  const amounts = new Map(sums.map((s) => [s.currency, Math.min(Number(s.amount), Number.MAX_SAFE_INTEGER)]));
  if (rows === 0) return { count: 0, amounts, first: null, worst: null };
  await sql.query({
    name: 'findings_tier',
    text: 'UPDATE reconcile.finding SET tier = $2 WHERE check_id = $1 AND closed_at IS NULL AND tier <> $2',
    values: [check.id, check.severity({ rows, amounts })],
  });
  const pick = async (order: string): Promise<unknown> => {
    const picked = await sql.query<{ shown: unknown }>({
      text: `SELECT jsonb_build_object('finding', id, 'rowKey', row_key, 'amount', amount, 'currency', currency,
          'detail', detail, 'firstBadAt', first_bad_at) AS shown
        FROM reconcile.finding WHERE check_id = $1 AND closed_at IS NULL ORDER BY ${order} LIMIT 1`,
      values: [check.id],
    });
    return picked[0]?.shown ?? null;
  };
  return {
    count: rows,
    amounts,
    first: await pick('first_bad_at, row_key'),
    worst: await pick('amount DESC, row_key'),
  };
}

/** Money is at risk until it is repaired, or the alarm was false. */
export const AT_RISK = ['open', 'confirmed', 'stopped'] as const;

/** Live findings by tier and status, and the money at risk by currency. */
export async function summariseFindings(sql: Sql): Promise<{
  readonly counts: readonly { readonly tier: Tier; readonly status: string; readonly count: number }[];
  readonly exposure: readonly { readonly currency: string; readonly amount: number }[];
}> {
  const counts = await sql.query<{ tier: Tier; status: string; count: number }>({
    name: 'findings_counts',
    text: `SELECT tier, status, count(*) AS count FROM reconcile.finding WHERE closed_at IS NULL
      GROUP BY tier, status ORDER BY tier, status`,
  });
  const exposure = await sql.query<{ currency: string; amount: string }>({
    name: 'findings_exposure',
    text: `SELECT currency, sum(amount)::text AS amount FROM reconcile.finding WHERE status = ANY($1)
      GROUP BY currency HAVING sum(amount) > 0 ORDER BY currency`,
    values: [AT_RISK],
  });
  return {
    counts,
    exposure: exposure.map((e) => ({
      currency: e.currency,
      amount: Math.min(Number(e.amount), Number.MAX_SAFE_INTEGER),
    })),
  };
}
