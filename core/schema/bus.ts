import { at, bigint, core, index, integer, jsonb, primaryKey, sql, text, xid8 } from './columns.ts';

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
  },
  (t) => [primaryKey({ columns: [t.consumer, t.eventId] })],
);

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
