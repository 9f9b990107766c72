import { check } from 'drizzle-orm/pg-core';
import { at, bigint, core, drivable, index, jsonb, sql, text, uniqueIndex } from './columns.ts';

/** An order accepted while orders are stored up (订单蓄洪): it ends in an order or in a reason. */
export const ticket = core.table(
  'ticket',
  {
    id: text('id').primaryKey(),
    /** Its place in the one queue. */
    seq: bigint('seq', { mode: 'number' }).notNull().generatedAlwaysAsIdentity(),
    userId: bigint('user_id', { mode: 'number' }).notNull(),
    idempotencyKey: text('idempotency_key').notNull(),
    bodyDigest: text('body_digest').notNull(),
    actor: text('actor').notNull(),
    /** The order as it was asked for, with the prices that the shopper saw. */
    wish: jsonb('wish').notNull(),
    payOrderId: text('pay_order_id'),
    /** Why it did not become an order: a refusal. */
    refusal: jsonb('refusal'),
    expiresAt: at('expires_at').notNull(),
    createdAt: at('created_at').notNull(),
    ...drivable,
  },
  (t) => [
    uniqueIndex('ticket_idempotency').on(t.userId, t.idempotencyKey),
    index('ticket_queue').on(t.seq).where(sql`state = 'QUEUED'`),
    index('ticket_live_state').on(t.state, t.stateSince).where(sql`state IN ('QUEUED')`),
    index('ticket_due').on(t.dueAt, t.id).where(sql`due_at IS NOT NULL`),
    check('ticket_state_known', sql`${t.state} IN ('QUEUED','PLACED','REFUSED','CANCELLED')`),
    check('ticket_placed_with_order', sql`(${t.state} = 'PLACED') = (${t.payOrderId} IS NOT NULL)`),
    check('ticket_refused_with_reason', sql`(${t.state} = 'REFUSED') = (${t.refusal} IS NOT NULL)`),
  ],
);
