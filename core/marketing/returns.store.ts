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
    readonly clawed: number;
    readonly missing: number;
    readonly withheld: number;
  },
  now: Date,
): Promise<void> {
  await sql.query({
    name: 'marketing_return_insert',
    text: `INSERT INTO core.marketing_return
        (refund_id, pay_order_id, order_id, clawed_points, missing_points, withheld, created_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (refund_id) DO NOTHING`,
    values: [row.refundId, row.payOrderId, row.orderId, row.clawed, row.missing, row.withheld, now],
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
          WHERE r.pay_order_id = o.pay_order_id AND r.order_id = o.id AND r.state <> 'R3' AND r.id <> $2) AS refunded
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

/** Whether the refunds that have begun give back all that marketing paid of a pay order. */
export async function isAllBack(sql: Sql, payOrderId: string): Promise<boolean> {
  const rows = await sql.query<{ all_back: boolean }>({
    name: 'marketing_all_back',
    text: `SELECT p.discount <= coalesce((SELECT sum(l.subsidy) FROM core.marketing_return m
          JOIN core.refund_line l ON l.refund_id = m.refund_id
        WHERE m.pay_order_id = p.id AND m.started_at IS NOT NULL), 0) AS all_back
      FROM core.pay_order p WHERE p.id = $1`,
    values: [payOrderId],
  });
  return rows[0]?.all_back ?? false;
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
