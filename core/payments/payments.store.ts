import type { Sql } from '../kernel/db/database.ts';
import type { MachineRow } from '../kernel/machine.ts';
import type { Currency } from '../kernel/money.ts';

/** A payment attempt as it lies in the table. */
export interface PaymentRow extends MachineRow {
  readonly pay_order_id: string;
  readonly user_id: number;
  readonly attempt_no: number;
  readonly channel: string;
  readonly currency: Currency;
  readonly amount: number;
  readonly pay_url: string | null;
  readonly channel_trade_id: string | null;
  readonly cancel_intent: 'user' | 'timeout' | null;
  readonly failure_reason: string | null;
  readonly expires_at: Date;
  readonly created_at: Date;
}

export interface CaptureRow extends MachineRow {
  readonly pay_order_id: string;
  readonly payment_id: string;
  readonly channel: string;
  readonly channel_transaction: string;
  readonly amount: number;
  readonly currency: Currency;
  readonly kind: 'effective' | 'late';
}

/** All attempts of a pay order, oldest first. Few: a shopper presses pay a handful of times. */
export async function attemptsOf(sql: Sql, payOrderId: string): Promise<PaymentRow[]> {
  return sql.query<PaymentRow>({
    name: 'payment_attempts',
    text: 'SELECT * FROM core.payment WHERE pay_order_id = $1 ORDER BY attempt_no',
    values: [payOrderId],
  });
}

/** The same, and those of the balance that follows it: all that may bring an order's money. */
export async function attemptsOfStages(sql: Sql, payOrderId: string): Promise<PaymentRow[]> {
  return sql.query<PaymentRow>({
    name: 'payment_attempts_of_stages',
    text: `SELECT * FROM core.payment WHERE pay_order_id IN (SELECT id FROM core.pay_order WHERE id = $1 OR first_id = $1)
      ORDER BY pay_order_id, attempt_no`,
    values: [payOrderId],
  });
}

/** The attempt, kept from moving until the transaction ends: one that moves alone does not take the pay order's lock. */
export async function lockAttempt(sql: Sql, id: string): Promise<PaymentRow | null> {
  const rows = await sql.query<PaymentRow>({
    name: 'payment_lock',
    text: 'SELECT * FROM core.payment WHERE id = $1 FOR UPDATE',
    values: [id],
  });
  return rows[0] ?? null;
}

/**
 * The orders of a pay order whose reservation has lapsed, or will less than `slackMs` after the end of an attempt that
 * begins now: it is these that an attempt renews (`holdUntil`), and the others are not written anew for nothing.
 * `latestEnd`: of the attempt, unless the pay order's own deadline comes before. Rows of stock are only read here.
 */
export async function lapsingOrders(sql: Sql, payOrderId: string, latestEnd: Date, slackMs: number): Promise<string[]> {
  const rows = await sql.query<{ order_id: string }>({
    name: 'payment_lapsing_orders',
    text: `SELECT r.order_id
      FROM core.pay_order p JOIN core.orders o ON o.pay_order_id = coalesce(p.first_id, p.id) JOIN core.reservation r ON r.order_id = o.id
      WHERE p.id = $1 AND (r.state = 'released'
        OR (r.state = 'held' AND r.expires_at < least(p.expires_at, $2) + $3 * interval '1 millisecond'))`,
    values: [payOrderId, latestEnd, slackMs],
  });
  return [...new Set(rows.map((row) => row.order_id))];
}

/**
 * Records that somebody wants the live attempt gone, and makes it due at once. The first intent stands, but the shopper's
 * replaces the time-out's. The version tells a driver that is at it: it must not put off what is due now.
 */
export async function setCancelIntent(
  sql: Sql,
  payOrderId: string,
  intent: 'user' | 'timeout',
  now: Date,
): Promise<void> {
  await sql.query({
    name: 'payment_cancel_intent',
    text: `UPDATE core.payment SET cancel_intent = $2, due_at = $3, version = version + 1
      WHERE pay_order_id IN (SELECT id FROM core.pay_order WHERE id = $1 OR first_id = $1) AND state IN ('P0','P1','P2','P4','P5','P7')
        AND (cancel_intent IS NULL OR ($2 = 'user' AND cancel_intent = 'timeout'))`,
    values: [payOrderId, intent, now],
  });
}

/** Whether a transaction of the channel is booked already, under whichever attempt. */
export async function findCapture(sql: Sql, channel: string, transaction: string): Promise<CaptureRow | null> {
  const rows = await sql.query<CaptureRow>({
    name: 'capture_find',
    text: 'SELECT * FROM core.capture WHERE channel = $1 AND channel_transaction = $2',
    values: [channel, transaction],
  });
  return rows[0] ?? null;
}
