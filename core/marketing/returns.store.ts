import type { Sql } from '../kernel/db/database.ts';
import type { Currency } from '../kernel/money.ts';

/** What a refund means for marketing: what it gives back, and what it takes back of earned points. */
export interface ReturnRow {
  readonly refund_id: string;
  readonly clawed_points: number;
  readonly missing_points: number;
  readonly withheld: number;
  readonly returned_at: Date | null;
}

export async function readReturn(sql: Sql, refundId: string): Promise<ReturnRow | null> {
  const rows = await sql.query<ReturnRow>({
    name: 'marketing_return_read',
    text: `SELECT refund_id, clawed_points, missing_points, withheld, returned_at
      FROM core.marketing_return WHERE refund_id = $1`,
    values: [refundId],
  });
  return rows[0] ?? null;
}

export async function insertReturn(
  sql: Sql,
  row: {
    readonly refundId: string;
    readonly payOrderId: string;
    readonly orderId: string;
  },
  now: Date,
): Promise<void> {
  await sql.query({
    name: 'marketing_return_insert',
    text: `INSERT INTO core.marketing_return
        (refund_id, pay_order_id, order_id, clawed_points, missing_points, withheld, created_at)
      VALUES ($1, $2, $3, 0, 0, 0, $4) ON CONFLICT (refund_id) DO NOTHING`,
    values: [row.refundId, row.payOrderId, row.orderId, now],
  });
}

/** What an order earned, and what its refunds have given back and taken back so far. */
export interface Earned {
  readonly user_id: number;
  readonly currency: Currency;
  readonly payable: number;
  readonly earned: number;
  /** Points that earlier refunds have clawed back, whether they were there or withheld. */
  readonly taken_back: number;
  /** Cash of the other refunds, before anything was withheld from it. */
  readonly refunded: number;
}

/** Null: the order has earned nothing. */
export async function readEarned(sql: Sql, orderId: string, exceptRefund: string): Promise<Earned | null> {
  const rows = await sql.query<Earned>({
    name: 'marketing_earned',
    text: `SELECT o.user_id, o.currency, o.payable, l.points AS earned,
        (SELECT coalesce(sum(m.clawed_points + m.missing_points), 0)::bigint FROM core.marketing_return m
          WHERE m.order_id = o.id AND m.refund_id <> $2) AS taken_back,
        (SELECT coalesce(sum(r.amount + coalesce(m.withheld, 0)), 0)::bigint FROM core.refund r
          LEFT JOIN core.marketing_return m ON m.refund_id = r.id
          -- What nobody has decided may be rejected yet: it claws back when it is owed.
          WHERE r.pay_order_id IN (SELECT id FROM core.pay_order WHERE id = o.pay_order_id OR first_id = o.pay_order_id)
            AND r.order_id = o.id AND r.owed AND r.id <> $2) AS refunded
      FROM core.orders o JOIN core.points_lot l ON l.source = 'earned' AND l.reference = o.id WHERE o.id = $1`,
    values: [orderId, exceptRefund],
  });
  return rows[0] ?? null;
}

/** The refund's marketing leg has begun: what it gives back counts from now on. */
export async function startReturnRow(sql: Sql, refundId: string, now: Date): Promise<void> {
  await sql.query({
    name: 'marketing_return_start',
    text: `UPDATE core.marketing_return SET started_at = coalesce(started_at, $2) WHERE refund_id = $1`,
    values: [refundId, now],
  });
}

/** What was clawed back and withheld, written on the refund's row, whether it is new or not. */
export async function writeClaw(
  sql: Sql,
  refundId: string,
  claw: { readonly clawed: number; readonly missing: number; readonly withheld: number },
): Promise<void> {
  await sql.query({
    name: 'marketing_return_claw',
    text: `UPDATE core.marketing_return SET clawed_points = $2, missing_points = $3, withheld = $4 WHERE refund_id = $1`,
    values: [refundId, claw.clawed, claw.missing, claw.withheld],
  });
}

/** How often the refund was withdrawn with points that it had clawed back. */
export async function countUndone(sql: Sql, refundId: string): Promise<number> {
  const rows = await sql.query<{ count: number }>({
    name: 'marketing_claws_undone',
    text: `SELECT count(*) AS count FROM core.posting
      WHERE kind = 'points_returned' AND reference = ANY(SELECT 'claw:' || $1 || ':' || n FROM generate_series(0, 20) n)`,
    values: [refundId],
  });
  return rows[0]?.count ?? 0;
}

/**
 * Whether refunds that have begun give back all that marketing paid of a pay order, line by line. One that was closed
 * without money counts only as far as its marketing part had gone back before.
 */
export async function isAllBack(sql: Sql, payOrderId: string): Promise<boolean> {
  const rows = await sql.query({
    name: 'marketing_all_back',
    text: `SELECT 1 FROM core.orders o JOIN core.order_line l ON l.order_id = o.id
      WHERE o.pay_order_id = $1 AND l.discount > coalesce((
        SELECT sum(b.subsidy) FROM core.refund_line b JOIN core.refund r ON r.id = b.refund_id
          JOIN core.marketing_return m ON m.refund_id = b.refund_id
        WHERE b.order_id = l.order_id AND b.line_no = l.line_no AND m.started_at IS NOT NULL
          AND (r.state <> 'R3' OR m.returned_at IS NOT NULL)), 0) LIMIT 1`,
    values: [payOrderId],
  });
  return rows.length === 0;
}

/** What a refund gives back of a line, and what was given back of it before. */
export interface ReturnedLine {
  readonly points: number;
  readonly discount: number;
  readonly subsidy: number;
  readonly before: number;
}

export async function linesOfReturn(sql: Sql, refundId: string): Promise<ReturnedLine[]> {
  return sql.query<ReturnedLine>({
    name: 'marketing_return_lines',
    text: `SELECT o.points, o.discount, l.subsidy,
        (SELECT coalesce(sum(b.subsidy), 0)::bigint FROM core.refund_line b
          JOIN core.marketing_return m ON m.refund_id = b.refund_id
          WHERE b.order_id = l.order_id AND b.line_no = l.line_no AND m.returned_at IS NOT NULL) AS before
      FROM core.refund_line l JOIN core.order_line o ON o.order_id = l.order_id AND o.line_no = l.line_no
      WHERE l.refund_id = $1`,
    values: [refundId],
  });
}

/** False: it was returned before. */
export async function markReturned(sql: Sql, refundId: string, points: number, now: Date): Promise<boolean> {
  const rows = await sql.query({
    name: 'marketing_return_done',
    text: `UPDATE core.marketing_return SET returned_at = $3, points = $2
      WHERE refund_id = $1 AND returned_at IS NULL RETURNING refund_id`,
    values: [refundId, points, now],
  });
  return rows.length === 1;
}
