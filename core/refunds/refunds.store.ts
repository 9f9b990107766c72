import type { Sql } from '../kernel/db/database.ts';
import type { MachineRow } from '../kernel/machine.ts';
import type { Currency } from '../kernel/money.ts';

export interface RefundRow extends MachineRow {
  readonly pay_order_id: string;
  readonly order_id: string | null;
  readonly capture_id: string;
  readonly channel: string;
  readonly amount: number;
  readonly subsidy: number;
  readonly currency: Currency;
  readonly cause: string;
  readonly channel_refund_id: string | null;
  readonly created_at: Date;
}

/**
 * What a capture took and what of it has been or is being given back. A refund that was closed without money is out. Like
 * the sum below, it is read by the pay order, which has the index: it runs under a lock, while refunds come in waves.
 */
export async function refundedOf(sql: Sql, captureId: string): Promise<{ captured: number; refunded: number }> {
  const rows = await sql.query<{ captured: number; refunded: number }>({
    name: 'refunded_of',
    text: `SELECT c.amount AS captured,
        (SELECT coalesce(sum(r.amount), 0)::bigint FROM core.refund r
          WHERE r.pay_order_id = c.pay_order_id AND r.capture_id = c.id AND r.state <> 'R3') AS refunded
      FROM core.capture c WHERE c.id = $1`,
    values: [captureId],
  });
  const row = rows[0];
  if (row === undefined) throw new Error(`broken invariant: capture ${captureId} does not exist`);
  return row;
}

/** The channel's trade number of a capture: the attempt's id. */
export async function tradeOfCapture(sql: Sql, captureId: string): Promise<string> {
  const rows = await sql.query<{ payment_id: string }>({
    name: 'refund_trade',
    text: 'SELECT payment_id FROM core.capture WHERE id = $1',
    values: [captureId],
  });
  const row = rows[0];
  if (row === undefined) throw new Error(`broken invariant: capture ${captureId} does not exist`);
  return row.payment_id;
}

/** What a pay order's order still has that is not refunded: 0 means that everything went back. */
export async function unrefundedOf(sql: Sql, orderId: string): Promise<number> {
  const rows = await sql.query<{ rest: number }>({
    name: 'order_unrefunded',
    text: `SELECT o.payable + o.discount_amount - coalesce((SELECT sum(r.amount + r.subsidy + r.penalty + r.withheld) FROM core.refund r
        WHERE r.pay_order_id = o.pay_order_id AND r.order_id = o.id AND r.state = 'R10'), 0)::bigint AS rest FROM core.orders o WHERE o.id = $1`,
    values: [orderId],
  });
  return rows[0]?.rest ?? 0;
}
