import { check } from 'drizzle-orm/pg-core';
import {
  amount,
  at,
  bigint,
  core,
  index,
  integer,
  jsonb,
  primaryKey,
  sql,
  text,
  uniqueIndex,
  xid8,
} from './columns.ts';

/** The event rows: the history of every machine and the OrderBus at once. Append only. */
export const event = core.table(
  'event',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    /** CloudEvents type, such as `payment.p7` or `order.paid`. */
    type: text('type').notNull(),
    machine: text('machine').notNull(),
    entityId: text('entity_id').notNull(),
    /** The pay order that everything of one checkout hangs on: the key of an order's timeline. */
    scope: text('scope'),
    fromState: text('from_state'),
    toState: text('to_state').notNull(),
    actor: text('actor').notNull(),
    reason: text('reason').notNull(),
    /** What the other side said. */
    evidence: jsonb('evidence'),
    traceId: text('trace_id'),
    at: at('at').notNull(),
    xid: xid8('xid').notNull().default(sql`pg_current_xact_id()`),
  },
  (t) => [index('event_commit_order').on(t.xid, t.id), index('event_scope').on(t.scope)],
);

/** How far a consumer has read, in (xid, id) order behind the snapshot horizon. */
export const consumer = core.table('consumer', {
  name: text('name').primaryKey(),
  xid: xid8('xid').notNull(),
  eventId: bigint('event_id', { mode: 'number' }).notNull(),
  holder: text('holder'),
  leaseUntil: at('lease_until'),
  tries: integer('tries').notNull().default(0),
  retryAt: at('retry_at'),
  lastError: text('last_error'),
});

/** Events that a consumer could not take: set aside with the reason, so that those behind them go on. */
export const parkedEvent = core.table(
  'parked_event',
  {
    consumer: text('consumer').notNull(),
    eventId: bigint('event_id', { mode: 'number' }).notNull(),
    reason: text('reason').notNull(),
    parkedAt: at('parked_at').notNull(),
    /** When a person asked that its consumer take it again. */
    askedAt: at('asked_at'),
  },
  (t) => [primaryKey({ columns: [t.consumer, t.eventId] })],
);

/** What a user was told, and when: one row an event, however often the event is shown again. */
export const notification = core.table(
  'notification',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    userId: bigint('user_id', { mode: 'number' }).notNull(),
    eventId: bigint('event_id', { mode: 'number' }).notNull(),
    /** CloudEvents type of what happened, and the order, refund or shipment that it is about. */
    what: text('what').notNull(),
    about: text('about').notNull(),
    payOrderId: text('pay_order_id').notNull(),
    message: text('message').notNull(),
    /** When it happened. */
    at: at('at').notNull(),
  },
  (t) => [uniqueIndex('notification_once').on(t.eventId), index('notification_user').on(t.userId, t.id)],
);

/** Sums of what happened, per minute and per day (UTC), by event type and currency. */
export const statistic = core.table(
  'statistic',
  {
    grain: text('grain').notNull(),
    bucket: at('bucket').notNull(),
    type: text('type').notNull(),
    /** `XXX` where no money is named. */
    currency: text('currency').notNull(),
    count: bigint('count', { mode: 'number' }).notNull(),
    amount: amount('amount').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.grain, t.bucket, t.type, t.currency] }),
    check('statistic_grain', sql`${t.grain} IN ('minute', 'day')`),
  ],
);

/** Up to which event the statistics have counted: what is shown again is not counted again. One row. */
export const statisticMark = core.table('statistic_mark', {
  name: text('name').primaryKey(),
  xid: xid8('xid').notNull(),
  eventId: bigint('event_id', { mode: 'number' }).notNull(),
});

/** Work that has one holder among all replicas (checks, sealing): taken over when the lease ends. */
export const holding = core.table('holding', {
  name: text('name').primaryKey(),
  holder: text('holder').notNull(),
  leaseUntil: at('lease_until').notNull(),
});

/** The machine numbers of the order numbers, leased; `highSecond` survives the holder, so that a number never repeats. */
export const machineNumber = core.table('machine_number', {
  number: integer('number').primaryKey(),
  holder: text('holder').notNull(),
  leaseUntil: at('lease_until').notNull(),
  highSecond: bigint('high_second', { mode: 'number' }).notNull(),
});
