import { check } from 'drizzle-orm/pg-core';
import {
  amount,
  at,
  bigint,
  boolean,
  core,
  drivable,
  index,
  integer,
  jsonb,
  primaryKey,
  sql,
  text,
  uniqueIndex,
} from './columns.ts';

/** What is paid at once (支付单): 1..n orders of one checkout. The idempotency key of the checkout lives here. */
export const payOrder = core.table(
  'pay_order',
  {
    id: text('id').primaryKey(),
    userId: bigint('user_id', { mode: 'number' }).notNull(),
    currency: text('currency').notNull(),
    stage: text('stage').notNull(),
    /** What is to be paid after discounts, and the discount the marketing resources give. */
    payable: amount('payable').notNull(),
    discount: amount('discount').notNull(),
    /** The coupon that it holds; of a code that many share, the one made for this pay order. */
    couponCode: text('coupon_code'),
    /** The points (积分) it is paid with, and the part of the discount that they are. */
    points: bigint('points', { mode: 'number' }).notNull().default(0),
    pointsAmount: amount('points_amount').notNull().default(0),
    idempotencyKey: text('idempotency_key').notNull(),
    bodyDigest: text('body_digest').notNull(),
    /** The first answer's notices (such as a skipped coupon), so that a replay answers the same. */
    notices: jsonb('notices').notNull(),
    expiresAt: at('expires_at').notNull(),
    paidAt: at('paid_at'),
    /** Of a balance (尾款): the pay order of the deposit, whose lock guards both, and from when it may be paid. */
    firstId: text('first_id'),
    opensAt: at('opens_at'),
    /** What becomes of money that comes after the end: it goes back, or its order lives again. */
    lateCapture: text('late_capture').notNull().default('refund'),
    createdAt: at('created_at').notNull(),
  },
  (t) => [
    uniqueIndex('pay_order_idempotency').on(t.userId, t.idempotencyKey),
    uniqueIndex('pay_order_balance').on(t.firstId).where(sql`first_id IS NOT NULL`),
    check('pay_order_payable', sql`${t.payable} >= 0 AND ${t.discount} >= 0`),
    check('pay_order_points', sql`${t.points} >= 0 AND ${t.pointsAmount} BETWEEN 0 AND ${t.discount}`),
    check('pay_order_stage_known', sql`${t.stage} IN ('full','deposit','balance')`),
    check('pay_order_balance_follows', sql`(${t.stage} = 'balance') = (${t.firstId} IS NOT NULL)`),
    check('pay_order_late_known', sql`${t.lateCapture} IN ('refund','revive')`),
  ],
);

export const orders = core.table(
  'orders',
  {
    id: text('id').primaryKey(),
    payOrderId: text('pay_order_id')
      .notNull()
      .references(() => payOrder.id),
    userId: bigint('user_id', { mode: 'number' }).notNull(),
    /** Whose goods they are and where they lie: a checkout is split by both. */
    shopId: bigint('shop_id', { mode: 'number' }).notNull().default(1),
    warehouseId: integer('warehouse_id').notNull().default(1),
    guest: boolean('guest').notNull(),
    type: text('type').notNull(),
    currency: text('currency').notNull(),
    goodsAmount: amount('goods_amount').notNull(),
    freightAmount: amount('freight_amount').notNull(),
    discountAmount: amount('discount_amount').notNull(),
    payable: amount('payable').notNull(),
    address: jsonb('address'),
    details: jsonb('details').notNull(),
    /** Set before anything is undone: who wants the order gone and why. */
    cancelIntent: text('cancel_intent'),
    cancelReason: text('cancel_reason'),
    expiresAt: at('expires_at').notNull(),
    createdAt: at('created_at').notNull(),
    ...drivable,
  },
  (t) => [
    index('orders_pay_order').on(t.payOrderId),
    index('orders_user').on(t.userId, t.id),
    index('orders_due').on(t.dueAt, t.id).where(sql`due_at IS NOT NULL`),
    index('orders_live_state').on(t.state, t.stateSince).where(sql`state IN ('O0','O1')`),
    check('orders_state_known', sql`${t.state} IN ('O0','O1','O2','O3','O4','O5')`),
    check(
      'orders_payable_adds_up',
      sql`${t.payable} = ${t.goodsAmount} + ${t.freightAmount} - ${t.discountAmount} AND ${t.payable} >= 0`,
    ),
    check('orders_cancel_intent_known', sql`${t.cancelIntent} IN ('user','timeout')`),
  ],
);

export const orderLine = core.table(
  'order_line',
  {
    orderId: text('order_id')
      .notNull()
      .references(() => orders.id),
    lineNo: integer('line_no').notNull(),
    skuId: bigint('sku_id', { mode: 'number' }).notNull(),
    snapshotId: text('snapshot_id').notNull(),
    name: text('name').notNull(),
    quantity: bigint('quantity', { mode: 'number' }).notNull(),
    unitPrice: amount('unit_price').notNull(),
    discount: amount('discount').notNull(),
    payable: amount('payable').notNull(),
    /** What the discount is made of: the coupon's share, and that of the points, in money and counted. */
    couponAmount: amount('coupon_amount').notNull().default(0),
    pointsAmount: amount('points_amount').notNull().default(0),
    points: bigint('points', { mode: 'number' }).notNull().default(0),
    /** Pieces that were delivered, and of these the ones that came back for good. */
    shipped: bigint('shipped', { mode: 'number' }).notNull().default(0),
    returned: bigint('returned', { mode: 'number' }).notNull().default(0),
    /** Pieces that will never be delivered: their shipment was cancelled or failed, and they are refunded. */
    dropped: bigint('dropped', { mode: 'number' }).notNull().default(0),
    /** Pieces that refunds speak of, those in flight included, and their shares of the line's money. */
    claimed: bigint('claimed', { mode: 'number' }).notNull().default(0),
    claimedCash: amount('claimed_cash').notNull().default(0),
    claimedSubsidy: amount('claimed_subsidy').notNull().default(0),
    /** Of the claimed pieces those that were paid back. */
    refunded: bigint('refunded', { mode: 'number' }).notNull().default(0),
  },
  (t) => [
    primaryKey({ columns: [t.orderId, t.lineNo] }),
    check(
      'order_line_delivered',
      sql`${t.shipped} >= 0 AND ${t.dropped} >= 0 AND ${t.shipped} + ${t.dropped} <= ${t.quantity}`,
    ),
    check('order_line_returned', sql`${t.returned} BETWEEN 0 AND ${t.shipped}`),
    check('order_line_claimed', sql`${t.claimed} BETWEEN 0 AND ${t.quantity}`),
    check('order_line_refunded', sql`${t.refunded} BETWEEN 0 AND ${t.claimed}`),
    check(
      'order_line_claimed_money',
      sql`${t.claimedCash} BETWEEN 0 AND ${t.payable} AND ${t.claimedSubsidy} BETWEEN 0 AND ${t.discount}`,
    ),
    check(
      'order_line_claimed_whole',
      sql`${t.claimed} < ${t.quantity} OR (${t.claimedCash} = ${t.payable} AND ${t.claimedSubsidy} = ${t.discount})`,
    ),
    check(
      'order_line_adds_up',
      sql`${t.payable} = ${t.unitPrice} * ${t.quantity} - ${t.discount} AND ${t.payable} >= 0`,
    ),
    check('order_line_some', sql`${t.quantity} > 0`),
    check(
      'order_line_discount_adds_up',
      sql`${t.discount} = ${t.couponAmount} + ${t.pointsAmount} AND ${t.couponAmount} >= 0 AND ${t.pointsAmount} >= 0
        AND ${t.points} >= 0`,
    ),
  ],
);

/** A shipment of an order's lines, or the delivery of its codes (履约单). */
export const shipment = core.table(
  'shipment',
  {
    id: text('id').primaryKey(),
    orderId: text('order_id')
      .notNull()
      .references(() => orders.id),
    payOrderId: text('pay_order_id').notNull(),
    carrier: text('carrier'),
    trackingNo: text('tracking_no'),
    /** What was delivered for virtual goods. */
    codes: jsonb('codes'),
    /** Why the service is asked to give it up: written before it is asked. */
    cancelIntent: text('cancel_intent'),
    /** The service's no to that: it travels on. */
    cancelRefused: boolean('cancel_refused').notNull().default(false),
    /** The shipment that must be cancelled before this one, which carries a part of it, may start. */
    afterShipment: text('after_shipment'),
    /** The exchange whose replacement this is. */
    refundId: text('refund_id'),
    /** When a person corrected carrier or tracking number: what the service says of them does not count any more. */
    editedAt: at('edited_at'),
    createdAt: at('created_at').notNull(),
    ...drivable,
  },
  (t) => [
    index('shipment_order').on(t.orderId),
    index('shipment_after').on(t.afterShipment).where(sql`after_shipment IS NOT NULL`),
    uniqueIndex('shipment_exchange_once').on(t.refundId).where(sql`refund_id IS NOT NULL`),
    check('shipment_cancel_intent_known', sql`${t.cancelIntent} IN ('refund','split')`),
    index('shipment_due').on(t.dueAt, t.id).where(sql`due_at IS NOT NULL`),
    index('shipment_live_state').on(t.state, t.stateSince).where(sql`state IN ('F0','F1','F2')`),
    check('shipment_state_known', sql`${t.state} IN ('F0','F1','F2','F3','F4','F5')`),
  ],
);

/** What lies in a shipment: pieces of lines of its order. */
export const shipmentLine = core.table(
  'shipment_line',
  {
    shipmentId: text('shipment_id').notNull(),
    orderId: text('order_id').notNull(),
    lineNo: integer('line_no').notNull(),
    quantity: bigint('quantity', { mode: 'number' }).notNull(),
  },
  // Read by the shipment; the shipments of an order are known before their lines are asked for.
  (t) => [primaryKey({ columns: [t.shipmentId, t.lineNo] }), check('shipment_line_some', sql`${t.quantity} > 0`)],
);
