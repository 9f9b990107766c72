import { lockOfOrder, type RoomLockRow } from '../hotel/hotel.store.ts';
import type { Database, Sql } from '../kernel/db/database.ts';
import type { Currency } from '../kernel/money.ts';
import type { Notice } from '../payorders/payorders.ts';
import type { Address } from './placing.ts';

/*
 * What a person or a shop looks at: an order with everything that hangs on its pay order, read in one snapshot. The rows
 * of other rooms are read here and nowhere changed.
 */

export interface OrderSummaryRow {
  readonly id: string;
  readonly pay_order_id: string;
  readonly user_id: number;
  readonly type: string;
  readonly shop_id: number;
  readonly warehouse_id: number;
  readonly state: string;
  readonly currency: Currency;
  readonly payable: number;
  readonly created_at: Date;
}

type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };

export interface OrderDetailRow extends OrderSummaryRow {
  readonly guest: boolean;
  readonly version: number;
  readonly goods_amount: number;
  readonly freight_amount: number;
  readonly discount_amount: number;
  readonly address: Address | null;
  readonly details: Record<string, JsonValue>;
  readonly cancel_intent: 'user' | 'timeout' | null;
  readonly cancel_reason: string | null;
  readonly expires_at: Date;
}

export interface LineRow {
  readonly line_no: number;
  readonly sku_id: number;
  readonly snapshot_id: string;
  readonly name: string;
  readonly quantity: number;
  readonly unit_price: number;
  readonly discount: number;
  readonly payable: number;
  readonly shipped: number;
  readonly returned: number;
  readonly refunded: number;
}

export interface PaymentViewRow {
  readonly id: string;
  readonly attempt_no: number;
  readonly channel: string;
  readonly state: string;
  readonly currency: Currency;
  readonly amount: number;
  readonly pay_url: string | null;
  readonly failure_reason: string | null;
  readonly expires_at: Date;
  readonly created_at: Date;
}

export interface ShipmentViewRow {
  readonly id: string;
  readonly state: string;
  readonly carrier: string | null;
  readonly tracking_no: string | null;
  readonly codes: readonly string[] | null;
  readonly version: number;
  readonly lines: readonly { readonly lineNo: number; readonly quantity: number }[];
  readonly created_at: Date;
}

export interface RefundViewRow {
  readonly id: string;
  readonly order_id: string | null;
  readonly state: string;
  readonly currency: Currency;
  readonly amount: number;
  readonly cause: string;
  readonly kind: string;
  readonly created_at: Date;
}

export interface EventViewRow {
  readonly at: Date;
  readonly type: string;
  readonly machine: string;
  readonly entity_id: string;
  readonly from_state: string | null;
  readonly to_state: string;
  readonly actor: string;
  readonly reason: string;
}

export interface OrderRecord {
  readonly order: OrderDetailRow;
  readonly lines: readonly LineRow[];
  readonly payments: readonly PaymentViewRow[];
  readonly shipments: readonly ShipmentViewRow[];
  readonly refunds: readonly RefundViewRow[];
  readonly timeline: readonly EventViewRow[];
  /** The room of a hotel order. */
  readonly stay: RoomLockRow | null;
}

/** An order lives through a few dozen moves; more would be driver notes of an outside that is away. */
const MAX_TIMELINE = 500;

/** Everything about one order as of one moment; null when there is none. */
export async function readOrder(db: Database, orderId: string, signal: AbortSignal): Promise<OrderRecord | null> {
  return db.tx(
    async (tx) => {
      const [order] = await tx.query<OrderDetailRow>({
        name: 'order_detail',
        text: `SELECT id, pay_order_id, user_id, type, shop_id, warehouse_id, state, currency, payable, created_at, guest, version, goods_amount,
            freight_amount, discount_amount, address, details, cancel_intent, cancel_reason, expires_at
          FROM core.orders WHERE id = $1`,
        values: [orderId],
      });
      if (order === undefined) return null;
      const [lines, payments, shipments, refunds, timeline, stay] = await Promise.all([
        readLines(tx, orderId),
        readPayments(tx, order.pay_order_id, STAGES),
        readShipments(tx, orderId),
        readRefunds(tx, order.pay_order_id, orderId),
        readTimeline(tx, order.pay_order_id),
        order.type === 'hotel' ? lockOfOrder(tx, orderId) : null,
      ]);
      return { order, lines, payments, shipments, refunds, timeline, stay };
    },
    { isolation: 'repeatable read', readOnly: true, signal },
  );
}

async function readLines(sql: Sql, orderId: string): Promise<LineRow[]> {
  return sql.query<LineRow>({
    name: 'order_lines',
    text: `SELECT line_no, sku_id, snapshot_id, name, quantity, unit_price, discount, payable, shipped, returned, refunded
      FROM core.order_line WHERE order_id = $1 ORDER BY line_no`,
    values: [orderId],
  });
}

/** The pay order `$1` and the balance that follows it. */
const STAGES = 'pay_order_id IN (SELECT id FROM core.pay_order WHERE id = $1 OR first_id = $1)';

async function readPayments(sql: Sql, payOrderId: string, which = 'pay_order_id = $1'): Promise<PaymentViewRow[]> {
  return sql.query<PaymentViewRow>({
    name: which === STAGES ? 'order_payments' : 'pay_order_payments',
    text: `SELECT id, attempt_no, channel, state, currency, amount, pay_url, failure_reason, expires_at, created_at
      FROM core.payment WHERE ${which} ORDER BY pay_order_id, attempt_no`,
    values: [payOrderId],
  });
}

async function readShipments(sql: Sql, orderId: string): Promise<ShipmentViewRow[]> {
  return sql.query<ShipmentViewRow>({
    name: 'order_shipments',
    text: `SELECT s.id, s.state, s.carrier, s.tracking_no, s.codes, s.version, s.created_at,
        (SELECT coalesce(jsonb_agg(jsonb_build_object('lineNo', l.line_no, 'quantity', l.quantity) ORDER BY l.line_no), '[]')
          FROM core.shipment_line l WHERE l.shipment_id = s.id) AS lines
      FROM core.shipment s WHERE s.order_id = $1 ORDER BY s.created_at, s.id`,
    values: [orderId],
  });
}

/** Refunds of this order, and of the pay order as a whole, such as that of a late capture. */
async function readRefunds(sql: Sql, payOrderId: string, orderId: string): Promise<RefundViewRow[]> {
  return sql.query<RefundViewRow>({
    name: 'order_refunds',
    text: `SELECT id, order_id, state, currency, amount, cause, kind, created_at
      FROM core.refund WHERE ${STAGES} AND (order_id IS NULL OR order_id = $2) ORDER BY created_at, id`,
    values: [payOrderId, orderId],
  });
}

async function readTimeline(sql: Sql, payOrderId: string): Promise<EventViewRow[]> {
  return sql.query<EventViewRow>({
    name: 'order_timeline',
    text: `SELECT at, type, machine, entity_id, from_state, to_state, actor, reason
      FROM core.event WHERE scope IN (SELECT id FROM core.pay_order WHERE id = $1 OR first_id = $1) ORDER BY id LIMIT ${MAX_TIMELINE}`,
    values: [payOrderId],
  });
}

/** A user's orders, the newest first: order numbers begin with their second. `before` is the last id of the page before. */
export async function listOrders(
  sql: Sql,
  userId: number,
  before: string | undefined,
  limit: number,
): Promise<OrderSummaryRow[]> {
  return sql.query<OrderSummaryRow>({
    name: 'orders_of_user',
    text: `SELECT id, pay_order_id, user_id, type, shop_id, warehouse_id, state, currency, payable, created_at FROM core.orders
      WHERE user_id = $1 AND ($2::text IS NULL OR id < $2) ORDER BY id DESC LIMIT $3`,
    values: [userId, before ?? null, limit],
  });
}

export interface PayOrderRecord {
  readonly payOrder: {
    readonly id: string;
    readonly user_id: number;
    readonly currency: Currency;
    readonly payable: number;
    readonly discount: number;
    readonly stage: 'full' | 'deposit' | 'balance';
    readonly opens_at: Date | null;
    readonly coupon_code: string | null;
    readonly points: number;
    readonly notices: readonly Notice[];
    readonly expires_at: Date;
    readonly paid_at: Date | null;
    readonly created_at: Date;
  };
  readonly orders: readonly OrderSummaryRow[];
  readonly payments: readonly PaymentViewRow[];
}

/** A pay order with its orders and attempts as of one moment; null when there is none. */
export async function readPayOrder(
  db: Database,
  payOrderId: string,
  signal: AbortSignal,
): Promise<PayOrderRecord | null> {
  return db.tx(
    async (tx) => {
      const [found, orders, payments] = await Promise.all([
        tx.query<PayOrderRecord['payOrder']>({
          name: 'pay_order_detail',
          text: `SELECT id, user_id, currency, payable, discount, stage, opens_at, coupon_code, points, notices, expires_at, paid_at, created_at
            FROM core.pay_order WHERE id = $1`,
          values: [payOrderId],
        }),
        tx.query<OrderSummaryRow>({
          name: 'pay_order_summaries',
          text: `SELECT id, pay_order_id, user_id, type, shop_id, warehouse_id, state, currency, payable, created_at
            FROM core.orders WHERE pay_order_id = (SELECT coalesce(first_id, id) FROM core.pay_order WHERE id = $1) ORDER BY id`,
          values: [payOrderId],
        }),
        readPayments(tx, payOrderId),
      ]);
      const [payOrder] = found;
      return payOrder === undefined ? null : { payOrder, orders, payments };
    },
    { isolation: 'repeatable read', readOnly: true, signal },
  );
}
