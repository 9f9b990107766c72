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
  readonly user_id: number | null;
  readonly entrance: 'user' | 'merchant' | 'system';
  readonly kind: 'refund' | 'return' | 'exchange';
  readonly reason: string | null;
  readonly requested_by: string | null;
  readonly decided_by: string | null;
  readonly body_digest: string | null;
  readonly freight: number;
  readonly penalty: number;
  readonly withheld: number;
  readonly return_leg: number;
  readonly return_carrier: string | null;
  readonly return_tracking_no: string | null;
  readonly returned_at: Date | null;
  readonly cash_leg: number;
  readonly marketing_done: boolean;
  readonly owed: boolean;
  readonly created_at: Date;
}

/** A leg outside is tried under a key of its own: what has failed under one key stays failed. The first is the refund's id. */
export function keyOfLeg(refundId: string, leg: number): string {
  return leg === 1 ? refundId : `${refundId}.${leg}`;
}

/** The refund and the number of the try that a key of a leg speaks of. */
export function legOfKey(key: string): { readonly refundId: string; readonly leg: number } {
  const [refundId = '', leg = '1'] = key.split('.');
  return { refundId, leg: Number(leg) };
}

interface Refunded {
  readonly captured: number;
  readonly refunded: number;
  /** Whose it is. */
  readonly payOrderId: string;
}

/**
 * What a capture took and what of it has been or is being given back. A refund that was closed without money is out. Like
 * the sum below, it is read by the pay order, which has the index: it runs under a lock, while refunds come in waves.
 */
export async function refundedOf(sql: Sql, captureId: string): Promise<Refunded> {
  const rows = await sql.query<Refunded>({
    name: 'refunded_of',
    text: `SELECT c.amount AS captured, c.pay_order_id AS "payOrderId",
        (SELECT coalesce(sum(r.amount), 0)::bigint FROM core.refund r
          WHERE r.pay_order_id = c.pay_order_id AND r.capture_id = c.id AND r.state <> 'R3') AS refunded
      FROM core.capture c WHERE c.id = $1`,
    values: [captureId],
  });
  const row = rows[0];
  if (row === undefined) throw new Error(`broken invariant: capture ${captureId} does not exist`);
  return row;
}

/** The capture of another part of what an order has cost. */
export interface OtherPart {
  readonly captureId: string;
  readonly payOrderId: string;
  readonly channel: string;
  /** What is left of it that no refund speaks of. */
  readonly room: number;
}

/** The capture of the other part of a presale (the deposit, of a balance); null where all was paid at once. */
export async function otherPartOf(sql: Sql, captureId: string): Promise<OtherPart | null> {
  const rows = await sql.query<OtherPart>({
    name: 'refund_other_part',
    text: `SELECT d.id AS "captureId", d.pay_order_id AS "payOrderId", d.channel,
        d.amount - (SELECT coalesce(sum(r.amount), 0)::bigint FROM core.refund r
          WHERE r.pay_order_id = d.pay_order_id AND r.capture_id = d.id AND r.state <> 'R3') AS room
      FROM core.capture c JOIN core.pay_order p ON p.id = c.pay_order_id
      JOIN core.capture d ON d.pay_order_id = p.first_id AND d.kind = 'effective' WHERE c.id = $1`,
    values: [captureId],
  });
  return rows[0] ?? null;
}

/** Whether a refund gives back what the deposit of a presale (定金) had paid. */
export async function isOfDeposit(sql: Sql, refund: RefundRow): Promise<boolean> {
  const rows = await sql.query({
    name: 'refund_of_deposit',
    text: `SELECT FROM core.capture c JOIN core.pay_order p ON p.id = c.pay_order_id WHERE c.id = $1 AND p.stage = 'deposit'`,
    values: [refund.capture_id],
  });
  return rows.length > 0;
}

/** What a capture has left beside the refunds that its channel was asked for, one of them left out. */
export async function roomOf(sql: Sql, captureId: string, refundId: string): Promise<number> {
  const rows = await sql.query<{ room: number }>({
    name: 'refund_room',
    text: `SELECT c.amount - (SELECT coalesce(sum(r.amount), 0)::bigint FROM core.refund r
        WHERE r.pay_order_id = c.pay_order_id AND r.capture_id = c.id AND r.id <> $2 AND r.state IN ('R9', 'R10', 'R11')) AS room
      FROM core.capture c WHERE c.id = $1`,
    values: [captureId, refundId],
  });
  return rows[0]?.room ?? 0;
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

/** How many pieces of an order are not refunded: 0 means that everything went back. */
export async function unrefundedOf(sql: Sql, orderId: string): Promise<number> {
  const rows = await sql.query<{ rest: number }>({
    name: 'order_unrefunded',
    text: 'SELECT coalesce(sum(quantity - refunded), 0)::bigint AS rest FROM core.order_line WHERE order_id = $1',
    values: [orderId],
  });
  return rows[0]?.rest ?? 0;
}
