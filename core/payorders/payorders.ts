/*
 * The pay order: what a shopper owes in one sum, over one or several orders, and until when. It is the bill that orders,
 * payments, shipments and refunds all speak of, so it lives below them: whoever decides about its money locks it first.
 */
import type { Sql } from '../kernel/db/database.ts';
import type { Currency } from '../kernel/money.ts';

/** Which part of what is owed (阶段): all, or of a presale the deposit or the balance, which names its deposit. */
export type Stage = 'full' | 'deposit' | 'balance';

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

/** The second part of what is paid in two. Amounts in minor units. */
export interface Balance {
  readonly id: string;
  readonly firstId: string;
  readonly payable: number;
  readonly opensAt: Date;
  readonly expiresAt: Date;
}

/**
 * Splits a balance (尾款) off a pay order that was just written: that one is the deposit from now on. No shopper's key holds a
 * blank, so the balance's is nobody's. Its id is above the deposit's: both are locked in that order.
 */
export async function splitOffBalance(sql: Sql, balance: Balance): Promise<void> {
  await sql.query({
    name: 'pay_order_split_off_balance',
    text: `WITH deposit AS (
        UPDATE core.pay_order SET stage = 'deposit' WHERE id = $2 RETURNING *
      ) INSERT INTO core.pay_order
        (id, user_id, currency, stage, payable, discount, idempotency_key, body_digest, notices, expires_at, created_at,
          first_id, opens_at)
      SELECT $1, user_id, currency, 'balance', $3::bigint, 0, idempotency_key || ' balance', body_digest, '[]', $5::timestamptz,
        created_at, id, $4::timestamptz FROM deposit`,
    values: [balance.id, balance.firstId, balance.payable, balance.opensAt, balance.expiresAt],
  });
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
  readonly stage: Stage;
  /** Of a balance: its deposit, and from when it may be paid. */
  readonly first_id: string | null;
  readonly opens_at: Date | null;
  /** What becomes of money that comes after the end. */
  readonly late_capture: 'refund' | 'revive';
}

const COLUMNS =
  'p.id, p.user_id, p.currency, p.payable, p.discount, p.coupon_code, p.points, p.points_amount, p.expires_at, p.paid_at, p.stage, p.first_id, p.opens_at, p.late_capture';

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

/** A pay order behind its lock; of a balance, its deposit is locked with it, before it. */
export interface Locked extends LockedPayOrder {
  readonly deposit: PayOrderRow | null;
}

/**
 * Locks the pay order against everything else that decides about its money: pay, capture, cancel. The parts of a presale are
 * one order's money: a balance takes its deposit's lock first, so that whoever holds that one has both.
 */
export async function lockPayOrder(sql: Sql, id: string): Promise<Locked | null> {
  const rows = await sql.query<LockedPayOrder>({
    name: 'pay_order_lock',
    text: `SELECT ${COLUMNS},
        EXISTS (SELECT FROM core.users u WHERE u.id = p.user_id AND u.blocked_at IS NOT NULL) AS blocked
      FROM core.pay_order p
      WHERE id = ANY (ARRAY(SELECT unnest(ARRAY[id, first_id]) FROM core.pay_order WHERE id = $1)) ORDER BY id FOR UPDATE OF p`,
    values: [id],
  });
  return withDeposit(rows);
}

/** The same by one of its payment attempts. */
export async function lockPayOrderOf(sql: Sql, paymentId: string): Promise<Locked | null> {
  const rows = await sql.query<LockedPayOrder>({
    name: 'pay_order_lock_of',
    text: `SELECT ${COLUMNS}, false AS blocked FROM core.pay_order p
      WHERE id = ANY (ARRAY(SELECT unnest(ARRAY[w.id, w.first_id])
        FROM core.payment y JOIN core.pay_order w ON w.id = y.pay_order_id WHERE y.id = $1)) ORDER BY id FOR UPDATE OF p`,
    values: [paymentId],
  });
  return withDeposit(rows);
}

/** The one that was asked for is the last: a balance's number is above its deposit's. */
function withDeposit(rows: readonly LockedPayOrder[]): Locked | null {
  const row = rows.at(-1);
  return row === undefined ? null : { ...row, deposit: rows.length === 2 ? (rows[0] ?? null) : null };
}

/** The balance that follows a deposit. */
export async function balanceOf(sql: Sql, depositId: string): Promise<PayOrderRow | null> {
  const rows = await sql.query<PayOrderRow>({
    name: 'pay_order_balance_of',
    text: `SELECT ${COLUMNS} FROM core.pay_order p WHERE first_id = $1`,
    values: [depositId],
  });
  return rows[0] ?? null;
}

/** The orders of the pay order that a payment attempt is for, oldest first; of a balance, those of its deposit. */
export async function ordersPaidBy(sql: Sql, paymentId: string): Promise<OrderOfPayOrder[]> {
  return sql.query<OrderOfPayOrder>({
    name: 'pay_order_orders_of',
    text: `SELECT ${ORDER_COLUMNS} FROM core.orders o WHERE pay_order_id = (SELECT coalesce(p.first_id, p.id)
        FROM core.payment y JOIN core.pay_order p ON p.id = y.pay_order_id WHERE y.id = $1) ORDER BY id`,
    values: [paymentId],
  });
}

/** The orders of a pay order, oldest first; of a balance, those of its deposit. */
export async function ordersOf(sql: Sql, payOrderId: string): Promise<OrderOfPayOrder[]> {
  return sql.query<OrderOfPayOrder>({
    name: 'pay_order_orders',
    text: `SELECT ${ORDER_COLUMNS} FROM core.orders o
      WHERE pay_order_id = (SELECT coalesce(first_id, id) FROM core.pay_order WHERE id = $1) ORDER BY id`,
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

/**
 * The deposit of an order is paid: it waits for its balance now, and that only its time had run out is forgotten. Its shopper's
 * own wish to cancel stands. The caller holds the lock.
 */
export async function awaitBalance(sql: Sql, orderId: string, until: Date): Promise<void> {
  await sql.query({
    name: 'pay_order_await_balance',
    text: `UPDATE core.orders SET cancel_intent = NULL, cancel_reason = NULL, expires_at = $2, due_at = $2, version = version + 1
      WHERE id = $1 AND state = 'O0' AND cancel_intent IS DISTINCT FROM 'user'`,
    values: [orderId, until],
  });
}

/** Money that comes after the end of this pay order's orders pays them after all, where it can. */
export async function reviveWhenLate(sql: Sql, payOrderId: string): Promise<void> {
  await sql.query({
    name: 'pay_order_revive_when_late',
    text: `UPDATE core.pay_order SET late_capture = 'revive' WHERE id = $1`,
    values: [payOrderId],
  });
}
