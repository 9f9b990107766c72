import type { Sql } from '../kernel/db/database.ts';

/*
 * Claims: which pieces of an order's lines refunds speak of, those in flight included. The line's own columns hold the
 * sums, and its CHECKs refuse what would pass the pieces or the money of the line, whoever asks.
 */

/** Some pieces of one line with their shares of its money, in minor units. */
export interface ClaimedLine {
  readonly lineNo: number;
  readonly quantity: number;
  readonly cash: number;
  readonly subsidy: number;
  /** Of the pieces those that never left, and those that the shopper keeps. */
  readonly dropped: number;
  readonly kept?: number;
}

/** Writes down what a refund speaks of, and claims it of the lines. The caller holds the pay order's lock. */
export async function claimLines(
  sql: Sql,
  refund: { readonly id: string; readonly orderId: string },
  lines: readonly ClaimedLine[],
): Promise<void> {
  await sql.query({
    name: 'refund_claim_lines',
    text: `WITH wanted AS (
        SELECT * FROM unnest($3::integer[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
          AS w (line_no, quantity, cash, subsidy, dropped, kept)
      ), written AS (
        INSERT INTO core.refund_line (refund_id, order_id, line_no, quantity, cash, subsidy, dropped, kept)
        SELECT $1, $2, line_no, quantity, cash, subsidy, dropped, kept FROM wanted
      ) UPDATE core.order_line l SET claimed = l.claimed + w.quantity, claimed_cash = l.claimed_cash + w.cash,
          claimed_subsidy = l.claimed_subsidy + w.subsidy, dropped = l.dropped + w.dropped
        FROM wanted w WHERE l.order_id = $2 AND l.line_no = w.line_no`,
    values: [
      refund.id,
      refund.orderId,
      lines.map((l) => l.lineNo),
      lines.map((l) => l.quantity),
      lines.map((l) => l.cash),
      lines.map((l) => l.subsidy),
      lines.map((l) => l.dropped),
      lines.map((l) => l.kept ?? 0),
    ],
  });
}

/** Everything of an order that no refund has claimed yet. */
export interface UnclaimedLine {
  readonly line_no: number;
  readonly sku_id: number;
  readonly quantity: number;
  readonly payable: number;
  readonly discount: number;
  readonly shipped: number;
  readonly returned: number;
  readonly dropped: number;
  readonly claimed: number;
  readonly claimed_cash: number;
  readonly claimed_subsidy: number;
}

/** The lines of an order with what of them is claimed, locked by the pay order that the caller holds. */
export async function linesOf(sql: Sql, orderId: string): Promise<UnclaimedLine[]> {
  return sql.query<UnclaimedLine>({
    name: 'refund_lines_of_order',
    text: `SELECT line_no, sku_id, quantity, payable, discount, shipped, returned, dropped, claimed, claimed_cash,
        claimed_subsidy
      FROM core.order_line WHERE order_id = $1 ORDER BY line_no`,
    values: [orderId],
  });
}

/** What a refund spoke of is paid back. */
export async function countRefunded(sql: Sql, refundId: string): Promise<void> {
  await sql.query({
    name: 'refund_lines_done',
    text: `UPDATE core.order_line l SET refunded = l.refunded + r.quantity
      FROM core.refund_line r WHERE r.refund_id = $1 AND l.order_id = r.order_id AND l.line_no = r.line_no`,
    values: [refundId],
  });
}

/**
 * What pieces of an order are worth, in minor units: their shares, and with the last pieces that nobody had claimed the
 * freight. The caller holds the pay order's lock, and has not claimed them yet.
 */
export async function moneyOf(
  sql: Sql,
  orderId: string,
  lines: readonly Pick<ClaimedLine, 'quantity' | 'cash' | 'subsidy'>[],
): Promise<{ readonly amount: number; readonly subsidy: number; readonly freight: number }> {
  const rows = await sql.query<{ unclaimed: number; freight: number }>({
    name: 'refund_freight_left',
    text: `SELECT (SELECT coalesce(sum(quantity - claimed), 0)::bigint FROM core.order_line WHERE order_id = $1) AS unclaimed,
        o.freight_amount - coalesce((SELECT sum(r.freight) FROM core.refund r
          WHERE r.pay_order_id = o.pay_order_id AND r.order_id = o.id AND r.state <> 'R3'), 0)::bigint AS freight
      FROM core.orders o WHERE o.id = $1`,
    values: [orderId],
  });
  const sum = (of: (line: Pick<ClaimedLine, 'quantity' | 'cash' | 'subsidy'>) => number): number =>
    lines.reduce((total, line) => total + of(line), 0);
  const last = rows[0]?.unclaimed === sum((line) => line.quantity);
  const freight = last ? (rows[0]?.freight ?? 0) : 0;
  return { amount: sum((line) => line.cash) + freight, subsidy: sum((line) => line.subsidy), freight };
}

/**
 * A refund speaks of its pieces no more: it was rejected, closed, or the exchange is done. What was counted as dropped or
 * returned for it counts no more either.
 */
export async function releaseClaims(sql: Sql, refundId: string): Promise<void> {
  await sql.query({
    name: 'refund_release_claims',
    text: `WITH gone AS (
        SELECT l.*, r.returned_at IS NOT NULL AND r.kind <> 'exchange' AS back
        FROM core.refund_line l JOIN core.refund r ON r.id = l.refund_id WHERE r.id = $1
      ), undone AS (
        UPDATE core.refund_line SET dropped = 0, "returning" = 0 WHERE refund_id = $1
      ) UPDATE core.order_line o SET claimed = o.claimed - g.quantity, claimed_cash = o.claimed_cash - g.cash,
          claimed_subsidy = o.claimed_subsidy - g.subsidy, dropped = o.dropped - g.dropped,
          returned = o.returned - CASE WHEN g.back THEN g.returning ELSE 0 END
        FROM gone g WHERE o.order_id = g.order_id AND o.line_no = g.line_no`,
    values: [refundId],
  });
}

/** The shopper objects to a rejection: its pieces are claimed again, with the shares that are theirs now. */
export async function claimAgain(sql: Sql, refundId: string, lines: readonly ClaimedLine[]): Promise<void> {
  await sql.query({
    name: 'refund_claim_again',
    text: `WITH wanted AS (
        SELECT * FROM unnest($2::integer[], $3::bigint[], $4::bigint[]) AS w (line_no, cash, subsidy)
      ), again AS (
        UPDATE core.refund_line l SET cash = w.cash, subsidy = w.subsidy FROM wanted w
        WHERE l.refund_id = $1 AND l.line_no = w.line_no RETURNING l.order_id, l.line_no, l.quantity, l.cash, l.subsidy
      ) UPDATE core.order_line o SET claimed = o.claimed + a.quantity, claimed_cash = o.claimed_cash + a.cash,
          claimed_subsidy = o.claimed_subsidy + a.subsidy
        FROM again a WHERE o.order_id = a.order_id AND o.line_no = a.line_no`,
    values: [refundId, lines.map((l) => l.lineNo), lines.map((l) => l.cash), lines.map((l) => l.subsidy)],
  });
}
