import { check } from 'drizzle-orm/pg-core';
import { amount, at, bigint, core, drivable, index, integer, sql, text, uniqueIndex } from './columns.ts';
import { orders } from './orders.ts';

/** The room of an order at the hotel's own system (锁房): written before it is asked for; its id is the key there. */
export const roomLock = core.table(
  'room_lock',
  {
    id: text('id').primaryKey(),
    orderId: text('order_id')
      .notNull()
      .references(() => orders.id),
    payOrderId: text('pay_order_id').notNull(),
    skuId: bigint('sku_id', { mode: 'number' }).notNull(),
    rooms: integer('rooms').notNull(),
    /** Days of the calendar where the hotel stands, as `2026-11-11`. */
    checkIn: text('check_in').notNull(),
    checkOut: text('check_out').notNull(),
    guest: text('guest').notNull(),
    /** Until when cancelling costs nothing, and the share of the price that it costs after that. */
    freeUntil: at('free_until'),
    penaltyPercent: integer('penalty_percent').notNull().default(0),
    /** What the hotel knows the stay by. */
    confirmation: text('confirmation'),
    releaseReason: text('release_reason'),
    /** Minor units kept when the room of a paid order is free again; NULL: nothing is to be paid back then. */
    penalty: amount('penalty'),
    createdAt: at('created_at').notNull(),
    ...drivable,
  },
  (t) => [
    uniqueIndex('room_lock_order').on(t.orderId),
    index('room_lock_pay_order').on(t.payOrderId),
    index('room_lock_due').on(t.dueAt, t.id).where(sql`due_at IS NOT NULL`),
    index('room_lock_person').on(t.state).where(sql`person_reason IS NOT NULL`),
    check(
      'room_lock_state_known',
      sql`${t.state} IN ('ASKED','LOCKED','REFUSED','CONFIRMED','STAYED','RELEASING','RELEASED')`,
    ),
    check('room_lock_stay', sql`${t.checkIn} < ${t.checkOut} AND ${t.rooms} > 0`),
    check('room_lock_penalty', sql`${t.penaltyPercent} BETWEEN 0 AND 100 AND ${t.penalty} >= 0`),
  ],
);
