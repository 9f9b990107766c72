import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgSchema,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
} from 'drizzle-orm/pg-core';

/**
 * The outside world's own memory. It shares a database server with the core in the embedded default, and nothing else:
 * no table refers to one of the core's, and no process but the sandbox reads it.
 */
export const sandbox = pgSchema('sandbox');

const amount = (name: string) => bigint(name, { mode: 'number' });
/** Milliseconds, as the wire and the statement show them: what is compared is what is kept. */
const at = (name: string) => timestamp(name, { withTimezone: true, mode: 'date', precision: 3 });
const madeAt = () => at('created_at').notNull().default(sql`clock_timestamp()`);

/** Put before the request it answers ever arrived: `close`, `rollback` or `cancel` of an unknown key. */
const tombstone = () => boolean('tombstone').notNull().default(false);
/** Requests for this key that reached the service: all but the first changed nothing. */
const requests = () => integer('requests').notNull().default(1);
/** When the row moves on by itself: the shopper pays, the parcel arrives. */
const autoAt = () => at('auto_at');

export const trade = sandbox.table(
  'trade',
  {
    tradeNo: text('trade_no').notNull(),
    channel: text('channel').notNull(),
    state: text('state').notNull(),
    merchantId: text('merchant_id'),
    amount: amount('amount'),
    currency: text('currency'),
    description: text('description'),
    notifyUrl: text('notify_url'),
    channelTradeId: text('channel_trade_id').notNull(),
    transactionId: text('transaction_id'),
    reason: text('reason'),
    /** Paid back or promised to be: on the row, so that one conditional statement keeps it below the amount. */
    refunded: amount('refunded').notNull().default(0),
    tombstone: tombstone(),
    requests: requests(),
    autoAt: autoAt(),
    createdAt: madeAt(),
    settledAt: at('settled_at'),
  },
  (t) => [
    // The number first: the shopper and the audits know it without the channel.
    primaryKey({ columns: [t.tradeNo, t.channel] }),
    index('trade_auto').on(t.autoAt).where(sql`auto_at IS NOT NULL`),
    check('trade_state_known', sql`${t.state} IN ('open','paid','failed','cancelled','closed','refused')`),
    check('trade_complete', sql`${t.tombstone} OR (${t.amount} > 0 AND ${t.notifyUrl} IS NOT NULL)`),
    check('trade_refunded', sql`${t.refunded} = 0 OR ${t.refunded} BETWEEN 0 AND ${t.amount}`),
  ],
);

export const refund = sandbox.table(
  'refund',
  {
    refundNo: text('refund_no').notNull(),
    channel: text('channel').notNull(),
    tradeNo: text('trade_no').notNull(),
    merchantId: text('merchant_id').notNull(),
    state: text('state').notNull(),
    amount: amount('amount').notNull(),
    currency: text('currency').notNull(),
    notifyUrl: text('notify_url').notNull(),
    channelRefundId: text('channel_refund_id').notNull(),
    reason: text('reason'),
    requests: requests(),
    autoAt: autoAt(),
    createdAt: madeAt(),
    settledAt: at('settled_at'),
  },
  (t) => [
    primaryKey({ columns: [t.refundNo, t.channel] }),
    index('refund_trade').on(t.tradeNo),
    index('refund_auto').on(t.autoAt).where(sql`auto_at IS NOT NULL`),
    check('refund_state_known', sql`${t.state} IN ('processing','done','failed')`),
    check('refund_amount', sql`${t.amount} > 0`),
  ],
);

export const deduction = sandbox.table(
  'deduction',
  {
    attemptId: text('attempt_id').notNull(),
    kind: text('kind').notNull(),
    resource: text('resource').notNull(),
    state: text('state').notNull(),
    userId: text('user_id'),
    amount: amount('amount'),
    currency: text('currency'),
    reason: text('reason'),
    tombstone: tombstone(),
    requests: requests(),
    createdAt: madeAt(),
  },
  (t) => [
    primaryKey({ columns: [t.attemptId, t.kind, t.resource] }),
    // A resource is held by one live attempt at most: the index is the judge when two come at once.
    uniqueIndex('deduction_one_live').on(t.kind, t.resource).where(sql`state = 'deducted'`),
    check('deduction_state_known', sql`${t.state} IN ('deducted','refused','rolled_back')`),
  ],
);

export const shipment = sandbox.table(
  'shipment',
  {
    shipmentId: text('shipment_id').primaryKey(),
    orderId: text('order_id'),
    goodsKind: text('goods_kind'),
    address: jsonb('address'),
    /** The phone or account that a top-up (充值) goes to: it is the delivery, and there are no codes. */
    account: text('account'),
    lines: jsonb('lines'),
    /** Pieces in all: virtual goods get one code each. */
    units: integer('units').notNull().default(0),
    state: text('state').notNull(),
    carrier: text('carrier'),
    trackingNo: text('tracking_no'),
    codes: jsonb('codes'),
    reason: text('reason'),
    notifyUrl: text('notify_url'),
    tombstone: tombstone(),
    requests: requests(),
    autoAt: autoAt(),
    createdAt: madeAt(),
    settledAt: at('settled_at'),
  },
  (t) => [
    index('shipment_auto').on(t.autoAt).where(sql`auto_at IS NOT NULL`),
    check('shipment_state_known', sql`${t.state} IN ('accepted','processing','failed','delivered','cancelled')`),
    check('shipment_complete', sql`${t.tombstone} OR ${t.notifyUrl} IS NOT NULL`),
  ],
);

/** Rooms that a hotel keeps for a merchant, by the merchant's own key. */
export const roomLock = sandbox.table(
  'room_lock',
  {
    lockId: text('lock_id').primaryKey(),
    orderId: text('order_id'),
    roomType: text('room_type'),
    rooms: integer('rooms'),
    checkIn: text('check_in'),
    checkOut: text('check_out'),
    guest: text('guest'),
    state: text('state').notNull(),
    confirmation: text('confirmation'),
    reason: text('reason'),
    tombstone: tombstone(),
    requests: requests(),
    createdAt: madeAt(),
    settledAt: at('settled_at'),
  },
  (t) => [
    check('room_lock_state_known', sql`${t.state} IN ('locked','refused','released')`),
    check('room_lock_complete', sql`${t.tombstone} OR ${t.rooms} > 0`),
  ],
);

/** Goods on their way back. */
export const returnParcel = sandbox.table(
  'return_parcel',
  {
    returnNo: text('return_no').primaryKey(),
    orderId: text('order_id').notNull(),
    lines: jsonb('lines').notNull(),
    state: text('state').notNull(),
    carrier: text('carrier'),
    trackingNo: text('tracking_no'),
    reason: text('reason'),
    notifyUrl: text('notify_url').notNull(),
    requests: requests(),
    autoAt: autoAt(),
    createdAt: madeAt(),
    settledAt: at('settled_at'),
  },
  (t) => [
    index('return_auto').on(t.autoAt).where(sql`auto_at IS NOT NULL`),
    check('return_state_known', sql`${t.state} IN ('accepted','processing','received','failed')`),
  ],
);

/**
 * What really happened, one row each time it happened: money taken or given back, a coupon used or freed, a parcel handed
 * over. Written by the statement that did it, and free of unique keys on purpose: a second row under a key is the proof
 * that something happened twice. The daily statement is read from here.
 */
export const effect = sandbox.table(
  'effect',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    kind: text('kind').notNull(),
    source: text('source').notNull(),
    key: text('key').notNull(),
    /** For money: the trade it belongs to and the channel's own id of the movement. */
    tradeNo: text('trade_no'),
    transactionId: text('transaction_id'),
    amount: amount('amount'),
    currency: text('currency'),
    at: at('at').notNull().default(sql`clock_timestamp()`),
  },
  (t) => [
    index('effect_day').on(t.at, t.id),
    check(
      'effect_kind_known',
      sql`${t.kind} IN ('trade.paid','refund.done','coupon.deducted','coupon.rolled_back','points.deducted',
        'points.rolled_back','shipment.delivered','return.received','room.locked','room.released')`,
    ),
  ],
);

/** A message that its receiver has not taken yet. Taken ones are deleted. */
export const callback = sandbox.table(
  'callback',
  {
    /** The webhook id: the same however often it is sent. */
    id: text('id').primaryKey(),
    source: text('source').notNull(),
    /** The trade, refund or shipment it speaks of. */
    subject: text('subject').notNull(),
    url: text('url').notNull(),
    /** As it is signed and sent, byte for byte. */
    body: text('body').notNull(),
    /** Made up by a fault: signed with a wrong secret. */
    forged: boolean('forged').notNull().default(false),
    /** A lie of a fault is sent once and never repeated. */
    once: boolean('once').notNull().default(false),
    /** Whether the faults of its first sending were drawn. */
    drawn: boolean('drawn').notNull().default(false),
    tries: integer('tries').notNull().default(0),
    dueAt: at('due_at').notNull().default(sql`clock_timestamp()`),
    leaseUntil: at('lease_until'),
    lastAnswer: text('last_answer'),
    createdAt: madeAt(),
    givenUpAt: at('given_up_at'),
  },
  (t) => [index('callback_due').on(t.dueAt).where(sql`given_up_at IS NULL`)],
);

/** A request that a fault holds back on its way; see `delayed_past_next_query`. */
export const parked = sandbox.table('parked', {
  id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
  operation: text('operation').notNull(),
  channel: text('channel'),
  /** What a query must ask for to let it go. */
  key: text('key').notNull(),
  input: jsonb('input').notNull(),
  dueAt: at('due_at').notNull(),
});

export const fault = sandbox.table('fault', {
  id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
  spec: jsonb('spec').notNull(),
  fired: integer('fired').notNull().default(0),
});

/** One row. `revision` tells the other processes of this world that something was changed. */
export const setting = sandbox.table(
  'setting',
  {
    id: integer('id').primaryKey().default(1),
    settings: jsonb('settings').notNull().default({}),
    seed: bigint('seed', { mode: 'number' }).notNull().default(1),
    revision: bigint('revision', { mode: 'number' }).notNull().default(0),
  },
  (t) => [check('setting_single', sql`${t.id} = 1`)],
);
