import type { Sql } from '../kernel/db/database.ts';
import type { Currency } from '../kernel/money.ts';
import type { RefundRow } from '../refunds/refunds.store.ts';

/** What an order is to those who want something of it back. */
export interface OrderForRefund {
  readonly id: string;
  readonly pay_order_id: string;
  readonly user_id: number;
  readonly type: string;
  readonly state: string;
  readonly currency: Currency;
}

export async function readOrderForRefund(sql: Sql, orderId: string): Promise<OrderForRefund | null> {
  const rows = await sql.query<OrderForRefund>({
    name: 'aftersales_order',
    text: 'SELECT id, pay_order_id, user_id, type, state, currency FROM core.orders WHERE id = $1',
    values: [orderId],
  });
  return rows[0] ?? null;
}

export async function findByKey(sql: Sql, userId: number, key: string): Promise<RefundRow | null> {
  const rows = await sql.query<RefundRow>({
    name: 'refund_by_key',
    text: 'SELECT * FROM core.refund WHERE user_id = $1 AND idempotency_key = $2',
    values: [userId, key],
  });
  return rows[0] ?? null;
}

/** A line of a refund beside what its order's line and the other refunds of it have come to. */
export interface ClaimLine {
  readonly line_no: number;
  readonly sku_id: number;
  /** Pieces that this refund speaks of, and of these the ones that the shopper keeps. */
  readonly quantity: number;
  readonly kept: number;
  readonly dropped: number;
  readonly returning: number;
  /** The order's line. */
  readonly ordered: number;
  readonly shipped: number;
  readonly gone: number;
  readonly returned: number;
  /** Delivered pieces that other refunds have taken: on their way back, or kept and paid back. */
  readonly taken: number;
}

export async function linesOfRefund(sql: Sql, refundId: string): Promise<ClaimLine[]> {
  return sql.query<ClaimLine>({
    name: 'refund_claim_lines_of',
    text: `SELECT l.line_no, o.sku_id, l.quantity, l.kept, l.dropped, l.returning, o.quantity AS ordered, o.shipped,
        o.dropped AS gone, o.returned, (SELECT coalesce(sum(b.kept + CASE WHEN r.returned_at IS NULL THEN b.returning ELSE 0 END), 0)::bigint
          FROM core.refund_line b JOIN core.refund r ON r.id = b.refund_id
          WHERE b.order_id = l.order_id AND b.line_no = l.line_no AND b.refund_id <> l.refund_id
            AND r.state <> 'R3' AND NOT (r.kind = 'exchange' AND r.state = 'R10')) AS taken
      FROM core.refund_line l JOIN core.order_line o ON o.order_id = l.order_id AND o.line_no = l.line_no
      WHERE l.refund_id = $1 ORDER BY l.line_no`,
    values: [refundId],
  });
}

/** Pieces per line of which undecided refunds hope that they have not left yet. */
export async function hopedFor(sql: Sql, orderId: string): Promise<ReadonlyMap<number, number>> {
  const rows = await sql.query<{ line_no: number; pieces: number }>({
    name: 'refund_hoped_for',
    text: `SELECT l.line_no, sum(l.quantity - l.kept)::bigint AS pieces
      FROM core.refund_line l JOIN core.refund r ON r.id = l.refund_id
      WHERE l.order_id = $1 AND r.state IN ('R0','R1','R2') AND r.kind = 'refund' GROUP BY l.line_no`,
    values: [orderId],
  });
  return new Map(rows.map((row) => [row.line_no, row.pieces]));
}

/** Writes down which pieces never left and which come back. */
export async function settlePieces(
  sql: Sql,
  refundId: string,
  lines: readonly {
    readonly lineNo: number;
    readonly dropped: number;
    readonly returning: number;
    readonly kept: number;
  }[],
): Promise<void> {
  await sql.query({
    name: 'refund_settle_pieces',
    text: `WITH wanted AS (
        SELECT * FROM unnest($2::integer[], $3::bigint[], $4::bigint[], $5::bigint[]) AS w (line_no, dropped, coming, kept)
      ), settled AS (
        UPDATE core.refund_line l SET dropped = w.dropped, "returning" = w.coming, kept = w.kept
        FROM wanted w WHERE l.refund_id = $1 AND l.line_no = w.line_no RETURNING l.order_id, l.line_no, l.dropped
      ) UPDATE core.order_line o SET dropped = o.dropped + s.dropped
        FROM settled s WHERE s.dropped > 0 AND o.order_id = s.order_id AND o.line_no = s.line_no`,
    values: [
      refundId,
      lines.map((l) => l.lineNo),
      lines.map((l) => l.dropped),
      lines.map((l) => l.returning),
      lines.map((l) => l.kept),
    ],
  });
}

/** The goods are back: they count as returned, but for those of an exchange, whose like goes out again. */
export async function countReturned(sql: Sql, refundId: string): Promise<void> {
  await sql.query({
    name: 'refund_count_returned',
    text: `UPDATE core.order_line o SET returned = o.returned + l.returning
      FROM core.refund_line l WHERE l.refund_id = $1 AND o.order_id = l.order_id AND o.line_no = l.line_no`,
    values: [refundId],
  });
}

/** Lines of which a parcel with a tracking number was lost: what is missing of them is not on our shelf. */
export async function lostLines(sql: Sql, orderId: string): Promise<ReadonlySet<number>> {
  const rows = await sql.query<{ line_no: number }>({
    name: 'aftersales_lost_lines',
    text: `SELECT DISTINCT l.line_no FROM core.shipment s JOIN core.shipment_line l ON l.shipment_id = s.id
      WHERE s.order_id = $1 AND s.state = 'F3' AND s.tracking_no IS NOT NULL`,
    values: [orderId],
  });
  return new Set(rows.map((row) => row.line_no));
}

/** Whether the refund has been in a state before. */
export async function hasBeen(sql: Sql, row: RefundRow, state: string): Promise<boolean> {
  const rows = await sql.query<{ been: boolean }>({
    name: 'refund_has_been',
    text: `SELECT EXISTS (SELECT FROM core.event WHERE scope = $1 AND machine = 'refund' AND entity_id = $2 AND to_state = $3
      AND from_state IS DISTINCT FROM to_state) AS been`,
    values: [row.pay_order_id, row.id, state],
  });
  return rows[0]?.been ?? false;
}

/** A line of a refund as it is shown. Amounts in minor units. */
export interface RefundLineView {
  readonly lineNo: number;
  readonly quantity: number;
  readonly cash: number;
  readonly subsidy: number;
  readonly dropped: number;
  readonly returning: number;
  readonly kept: number;
}

export async function viewLines(sql: Sql, refundId: string): Promise<RefundLineView[]> {
  return sql.query<RefundLineView>({
    name: 'refund_view_lines',
    text: `SELECT line_no AS "lineNo", quantity, cash, subsidy, dropped, "returning", kept
      FROM core.refund_line WHERE refund_id = $1 ORDER BY line_no`,
    values: [refundId],
  });
}
