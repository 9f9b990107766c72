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
import { payOrder } from './orders.ts';

/** One attempt to pay a pay order at one channel. Its id is the trade number at the channel. */
export const payment = core.table(
  'payment',
  {
    id: text('id').primaryKey(),
    payOrderId: text('pay_order_id')
      .notNull()
      .references(() => payOrder.id),
    userId: bigint('user_id', { mode: 'number' }).notNull(),
    attemptNo: integer('attempt_no').notNull(),
    channel: text('channel').notNull(),
    currency: text('currency').notNull(),
    /** What the channel is asked for; 0 when marketing covers everything. */
    amount: amount('amount').notNull(),
    payUrl: text('pay_url'),
    channelTradeId: text('channel_trade_id'),
    /** `user` or `timeout`, written before anything is undone. */
    cancelIntent: text('cancel_intent'),
    failureReason: text('failure_reason'),
    expiresAt: at('expires_at').notNull(),
    createdAt: at('created_at').notNull(),
    ...drivable,
  },
  (t) => [
    uniqueIndex('payment_attempt').on(t.payOrderId, t.attemptNo),
    uniqueIndex('payment_one_live').on(t.payOrderId).where(sql`state IN ('P0','P1','P2','P4','P5','P7')`),
    index('payment_due').on(t.dueAt, t.id).where(sql`due_at IS NOT NULL`),
    index('payment_live_state').on(t.state, t.stateSince).where(sql`state IN ('P0','P1','P2','P4','P5','P7')`),
    check('payment_state_known', sql`${t.state} IN ('P0','P1','P2','P3','P4','P5','P6','P7','P8','P9','P10','P11')`),
    check('payment_amount', sql`${t.amount} >= 0`),
  ],
);

/** One marketing resource that one attempt uses at the outside marketing service; the key there is (attempt, resource). */
export const deduction = core.table(
  'deduction',
  {
    id: text('id').primaryKey(),
    paymentId: text('payment_id')
      .notNull()
      .references(() => payment.id),
    payOrderId: text('pay_order_id').notNull(),
    userId: bigint('user_id', { mode: 'number' }).notNull(),
    kind: text('kind').notNull(),
    resource: text('resource').notNull(),
    amount: amount('amount').notNull(),
    currency: text('currency').notNull(),
    ...drivable,
  },
  (t) => [
    uniqueIndex('deduction_once').on(t.paymentId, t.kind, t.resource),
    index('deduction_pay_order').on(t.payOrderId),
    index('deduction_due').on(t.dueAt, t.id).where(sql`due_at IS NOT NULL`),
    index('deduction_person').on(t.state).where(sql`person_reason IS NOT NULL`),
    check('deduction_state_known', sql`${t.state} IN ('ASKED','DEDUCTED','REFUSED','ROLLBACK_PENDING','ROLLED_BACK')`),
  ],
);

/** Money that a channel says it took. `effective` pays the pay order; `late` came after the attempt's end. */
export const capture = core.table(
  'capture',
  {
    id: text('id').primaryKey(),
    payOrderId: text('pay_order_id').notNull(),
    paymentId: text('payment_id')
      .notNull()
      .references(() => payment.id),
    channel: text('channel').notNull(),
    channelTransaction: text('channel_transaction').notNull(),
    amount: amount('amount').notNull(),
    currency: text('currency').notNull(),
    kind: text('kind').notNull(),
    createdAt: at('created_at').notNull(),
    ...drivable,
  },
  (t) => [
    uniqueIndex('capture_transaction').on(t.channel, t.channelTransaction),
    uniqueIndex('capture_single').on(t.payOrderId).where(sql`kind = 'effective'`),
    index('capture_pay_order').on(t.payOrderId),
    index('capture_due').on(t.dueAt, t.id).where(sql`due_at IS NOT NULL`),
    index('capture_person').on(t.state).where(sql`person_reason IS NOT NULL`),
    check('capture_kind_known', sql`${t.kind} IN ('effective','late')`),
    check('capture_state_known', sql`${t.state} IN ('APPLIED','LATE','HANDLED','REVIVED')`),
    check('capture_amount', sql`${t.amount} >= 0`),
  ],
);

/** A signed message from outside, stored once by its channel and event id before it is applied. */
export const callback = core.table(
  'callback',
  {
    id: text('id').primaryKey(),
    source: text('source').notNull(),
    eventId: text('event_id').notNull(),
    kind: text('kind').notNull(),
    digest: text('digest').notNull(),
    body: jsonb('body').notNull(),
    reason: text('reason'),
    receivedAt: at('received_at').notNull(),
    ...drivable,
  },
  (t) => [
    uniqueIndex('callback_once').on(t.source, t.eventId),
    index('callback_due').on(t.dueAt, t.id).where(sql`due_at IS NOT NULL`),
    index('callback_person').on(t.state).where(sql`person_reason IS NOT NULL`),
    check('callback_state_known', sql`${t.state} IN ('STORED','APPLIED','REJECTED')`),
  ],
);

export const refund = core.table(
  'refund',
  {
    id: text('id').primaryKey(),
    payOrderId: text('pay_order_id').notNull(),
    orderId: text('order_id'),
    captureId: text('capture_id')
      .notNull()
      .references(() => capture.id),
    channel: text('channel').notNull(),
    amount: amount('amount').notNull(),
    currency: text('currency').notNull(),
    /** The part of what is given back that marketing had paid. */
    subsidy: amount('subsidy').notNull(),
    cause: text('cause').notNull(),
    channelRefundId: text('channel_refund_id'),
    userId: bigint('user_id', { mode: 'number' }),
    /** Who came with it: the shopper, the merchant's people, or the system by itself. */
    entrance: text('entrance').notNull().default('system'),
    /** What is wanted: `refund` money only, `return` goods back and money, `exchange` goods back and the same anew. */
    kind: text('kind').notNull().default('refund'),
    reason: text('reason'),
    requestedBy: text('requested_by'),
    /** Who approved or rejected it. */
    decidedBy: text('decided_by'),
    idempotencyKey: text('idempotency_key'),
    bodyDigest: text('body_digest'),
    /** The shipment that failed, for what goes back because of it. */
    shipmentId: text('shipment_id'),
    /** Freight that goes back with the last pieces; what is kept as penalty, or because points were spent already. */
    freight: amount('freight').notNull().default(0),
    penalty: amount('penalty').notNull().default(0),
    withheld: amount('withheld').notNull().default(0),
    /** How the goods come back; each further try has a key of its own outside: the refund's id and this number. */
    returnLeg: integer('return_leg').notNull().default(1),
    returnCarrier: text('return_carrier'),
    returnTrackingNo: text('return_tracking_no'),
    returnedAt: at('returned_at'),
    cashLeg: integer('cash_leg').notNull().default(1),
    marketingDone: boolean('marketing_done').notNull().default(false),
    /** What is to go back is booked as owed. */
    owed: boolean('owed').notNull().default(false),
    createdAt: at('created_at').notNull(),
    ...drivable,
  },
  (t) => [
    uniqueIndex('refund_idempotency').on(t.userId, t.idempotencyKey),
    uniqueIndex('refund_shipment_once').on(t.shipmentId).where(sql`shipment_id IS NOT NULL`),
    check('refund_entrance_known', sql`${t.entrance} IN ('user','merchant','system')`),
    check('refund_kind_known', sql`${t.kind} IN ('refund','return','exchange')`),
    check('refund_parts', sql`${t.freight} >= 0 AND ${t.penalty} >= 0 AND ${t.withheld} >= 0`),
    uniqueIndex('refund_late_once').on(t.captureId).where(sql`cause = 'late_capture'`),
    index('refund_pay_order').on(t.payOrderId),
    index('refund_due').on(t.dueAt, t.id).where(sql`due_at IS NOT NULL`),
    index('refund_live_state')
      .on(t.state, t.stateSince)
      .where(sql`state IN ('R0','R1','R2','R4','R5','R6','R7','R8','R9','R11','R12','R13','R14','R15')`),
    check(
      'refund_state_known',
      sql`${t.state} IN ('R0','R1','R2','R3','R4','R5','R6','R7','R8','R9','R10','R11','R12','R13','R14','R15')`,
    ),
    check('refund_amount', sql`${t.amount} >= 0 AND ${t.subsidy} >= 0`),
    uniqueIndex('refund_order_once').on(t.orderId).where(sql`cause IN ('cancelled','no_stock')`),
  ],
);

/** The pieces that a refund speaks of, with their shares of the line's money, in minor units. */
export const refundLine = core.table(
  'refund_line',
  {
    refundId: text('refund_id')
      .notNull()
      .references(() => refund.id),
    orderId: text('order_id').notNull(),
    lineNo: integer('line_no').notNull(),
    quantity: bigint('quantity', { mode: 'number' }).notNull(),
    cash: amount('cash').notNull(),
    subsidy: amount('subsidy').notNull(),
    /** Of the pieces those that the shopper keeps, those that never left, and those that come back. */
    kept: bigint('kept', { mode: 'number' }).notNull().default(0),
    dropped: bigint('dropped', { mode: 'number' }).notNull().default(0),
    returning: bigint('returning', { mode: 'number' }).notNull().default(0),
  },
  (t) => [
    primaryKey({ columns: [t.refundId, t.lineNo] }),
    index('refund_line_order').on(t.orderId, t.lineNo),
    check('refund_line_money', sql`${t.quantity} > 0 AND ${t.cash} >= 0 AND ${t.subsidy} >= 0`),
    check(
      'refund_line_pieces',
      sql`${t.kept} >= 0 AND ${t.dropped} >= 0 AND ${t.returning} >= 0 AND ${t.kept} + ${t.dropped} + ${t.returning} <= ${t.quantity}`,
    ),
  ],
);

/** The evidence of a message that moved nothing: wrong amount, unknown trade, another body under a known id. */
export const callbackConflict = core.table(
  'callback_conflict',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    source: text('source').notNull(),
    eventId: text('event_id').notNull(),
    reason: text('reason').notNull(),
    body: jsonb('body').notNull(),
    receivedAt: at('received_at').notNull(),
    /** Of what the body says: the same message sent again is the same evidence, however often. */
    digest: text('digest').notNull().generatedAlwaysAs(sql`md5(body::text)`),
    times: integer('times').notNull().default(1),
    lastSeenAt: at('last_seen_at').notNull().defaultNow(),
  },
  (t) => [uniqueIndex('callback_conflict_once').on(t.source, t.eventId, t.digest)],
);
