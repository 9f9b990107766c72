/*
 * The pay order: what a shopper owes in one sum, over one or several orders, and until when. It is the bill that orders,
 * payments, shipments and refunds all speak of, so it lives below them: whoever decides about its money locks it first.
 */
import type { Sql } from '../kernel/db/database.ts';
import type { Currency } from '../kernel/money.ts';

/** A pay order to be written, together with its orders. Amounts in minor units. */
export interface NewPayOrder {
  readonly id: string;
  readonly userId: number;
  readonly currency: Currency;
  readonly payable: number;
  readonly discount: number;
  readonly couponCode: string | null;
  readonly points: number;
  readonly pointsAmount: number;
  readonly idempotencyKey: string;
  readonly bodyDigest: string;
  readonly notices: readonly Notice[];
  readonly expiresAt: Date;
  readonly createdAt: Date;
  /** It waited its turn: nobody is overtaken by it. */
  readonly queued: boolean;
}

/** Something about the order that its shopper should know and did not ask for. */
export interface Notice {
  readonly code: 'coupon_skipped' | 'points_skipped';
  readonly message: string;
}

/**
 * False when nothing was written: the user's key is taken, by a request that was faster and whose end this one has waited
 * for, or by a ticket; the user is blocked; or orders are waiting in the queue, which must not be overtaken
 * (`readObstacles` says which).
 */
export async function insertPayOrder(sql: Sql, payOrder: NewPayOrder): Promise<boolean> {
  const rows = await sql.query({
    name: 'pay_order_insert',
    text: `INSERT INTO core.pay_order
        (id, user_id, currency, stage, payable, discount, coupon_code, idempotency_key, body_digest, notices, expires_at, created_at,
          points, points_amount)
      SELECT $1, $2::bigint, $3, 'full', $4::bigint, $5::bigint, $6, $7, $8, $9::jsonb, $10::timestamptz, $11::timestamptz,
        $13::bigint, $14::bigint
      WHERE NOT EXISTS (SELECT FROM core.users WHERE id = $2 AND blocked_at IS NOT NULL)
        AND ($12::boolean OR NOT (EXISTS (SELECT FROM core.ticket WHERE state = 'QUEUED')
          OR EXISTS (SELECT FROM core.ticket WHERE user_id = $2 AND idempotency_key = $7)))
      ON CONFLICT (user_id, idempotency_key) DO NOTHING RETURNING id`,
    values: [
      payOrder.id,
      payOrder.userId,
      payOrder.currency,
      payOrder.payable,
      payOrder.discount,
      payOrder.couponCode,
      payOrder.idempotencyKey,
      payOrder.bodyDigest,
      JSON.stringify(payOrder.notices),
      payOrder.expiresAt,
      payOrder.createdAt,
      payOrder.queued,
      payOrder.points,
      payOrder.pointsAmount,
    ],
  });
  return rows.length === 1;
}

/** What keeps a user's pay orders from being opened now. */
export interface Obstacles {
  readonly blocked: boolean;
  /** Orders wait in the queue. */
  readonly queue: boolean;
}

export async function readObstacles(sql: Sql, userId: number): Promise<Obstacles> {
  const rows = await sql.query<Obstacles>({
    name: 'pay_order_obstacles',
    text: `SELECT EXISTS (SELECT FROM core.users WHERE id = $1 AND blocked_at IS NOT NULL) AS blocked,
        EXISTS (SELECT FROM core.ticket WHERE state = 'QUEUED') AS queue`,
    values: [userId],
  });
  return rows[0] ?? { blocked: false, queue: false };
}

/** A pay order as it lies in the table. */
export interface PayOrderRow {
  readonly id: string;
  readonly user_id: number;
  readonly currency: Currency;
  readonly payable: number;
  readonly discount: number;
  readonly coupon_code: string | null;
  readonly points: number;
  /** The part of the discount that the points are. */
  readonly points_amount: number;
  readonly expires_at: Date;
  readonly paid_at: Date | null;
}

/** What an order adds to the question whether its pay order may still be paid. */
export interface OrderOfPayOrder {
  readonly id: string;
  readonly type: string;
  readonly state: string;
  readonly cancel_intent: 'user' | 'timeout' | null;
  readonly payable: number;
  readonly discount_amount: number;
  readonly lines: number;
}

const ORDER_COLUMNS = `id, type, state, cancel_intent, payable, discount_amount,
  (SELECT count(*) FROM core.order_line l WHERE l.order_id = o.id) AS lines`;

export interface LockedPayOrder extends PayOrderRow {
  /** Its user may not pay. */
  readonly blocked: boolean;
}

/** Locks the pay order against everything else that decides about its money: pay, capture, cancel. */
export async function lockPayOrder(sql: Sql, id: string): Promise<LockedPayOrder | null> {
  const rows = await sql.query<LockedPayOrder>({
    name: 'pay_order_lock',
    text: `SELECT id, user_id, currency, payable, discount, coupon_code, points, points_amount, expires_at, paid_at,
        EXISTS (SELECT FROM core.users u WHERE u.id = p.user_id AND u.blocked_at IS NOT NULL) AS blocked
      FROM core.pay_order p WHERE id = $1 FOR UPDATE OF p`,
    values: [id],
  });
  return rows[0] ?? null;
}

/** The same by one of its payment attempts. */
export async function lockPayOrderOf(sql: Sql, paymentId: string): Promise<PayOrderRow | null> {
  const rows = await sql.query<PayOrderRow>({
    name: 'pay_order_lock_of',
    text: `SELECT id, user_id, currency, payable, discount, coupon_code, points, points_amount, expires_at, paid_at
      FROM core.pay_order WHERE id = (SELECT pay_order_id FROM core.payment WHERE id = $1) FOR UPDATE`,
    values: [paymentId],
  });
  return rows[0] ?? null;
}

/** The orders of the pay order that a payment attempt is for, oldest first. */
export async function ordersPaidBy(sql: Sql, paymentId: string): Promise<OrderOfPayOrder[]> {
  return sql.query<OrderOfPayOrder>({
    name: 'pay_order_orders_of',
    text: `SELECT ${ORDER_COLUMNS} FROM core.orders o WHERE pay_order_id = (SELECT pay_order_id FROM core.payment WHERE id = $1) ORDER BY id`,
    values: [paymentId],
  });
}

/** The orders of a pay order, oldest first. */
export async function ordersOf(sql: Sql, payOrderId: string): Promise<OrderOfPayOrder[]> {
  return sql.query<OrderOfPayOrder>({
    name: 'pay_order_orders',
    text: `SELECT ${ORDER_COLUMNS} FROM core.orders o WHERE pay_order_id = $1 ORDER BY id`,
    values: [payOrderId],
  });
}

/** The whole sum was captured. The caller holds the lock. */
export async function markPaid(sql: Sql, payOrderId: string, now: Date): Promise<void> {
  await sql.query({
    name: 'pay_order_paid',
    text: 'UPDATE core.pay_order SET paid_at = $2 WHERE id = $1',
    values: [payOrderId, now],
  });
}

/**
 * Gives up the orders of an unpaid pay order that cannot be had, such as a room that the hotel refused: they close by their
 * own driver, as those whose time is up. The caller holds the lock.
 */
export async function giveUpUnpaid(sql: Sql, payOrderId: string, reason: string, now: Date): Promise<void> {
  await sql.query({
    name: 'pay_order_give_up',
    text: `UPDATE core.orders SET cancel_intent = 'timeout', cancel_reason = $2, due_at = $3, version = version + 1
      WHERE pay_order_id = $1 AND state = 'O0' AND cancel_intent IS NULL`,
    values: [payOrderId, reason, now],
  });
}
