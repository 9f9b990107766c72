import { z } from '@hono/zod-openapi';
import { nightsOf, openRoom, type Stay, startOf } from '../../hotel/hotel.ts';
import { refuse } from '../../kernel/errors.ts';
import { label } from '../../kernel/http/values.ts';
import { wire } from '../../kernel/http/wire.ts';
import type { OrderType } from '../order-type.ts';

const MAX_NIGHTS = 90;
const MAX_ROOMS = 100;
const HOUR_MS = 3_600_000;

const day = z.iso.date('must be a day such as 2026-11-11');

const stay = wire
  .object({
    /** Days where the hotel stands: the night before `checkOut` is the last. */
    checkIn: day,
    checkOut: day,
    guest: label(100),
    /** What cancelling costs once it is paid: nothing before `freeUntil`, then a share of what was paid. */
    cancellation: wire.object({ freeUntil: wire.time, penaltyPercent: z.int().min(0).max(100) }).optional(),
  })
  .refine((s) => s.checkIn < s.checkOut, { path: ['checkOut'], message: 'must be after checkIn' })
  .refine((s) => nightsOf(s) <= MAX_NIGHTS, { path: ['checkOut'], message: `must be ${MAX_NIGHTS} nights on at most` });

/** A day is over everywhere when it is where it ends last, 12 hours behind UTC: the hotel's own clock is not known. */
function isOver(day: string, now: Date): boolean {
  return startOf(day).getTime() + 36 * HOUR_MS <= now.getTime();
}

/**
 * Rooms of a hotel (O2O, 酒店): one line of room nights, so many as rooms times nights. The room is locked at the hotel before
 * it can be paid, kept when it is, and let go when the order ends; nothing is shipped, the confirmation is the voucher.
 */
export default {
  id: 'hotel',
  details: stay,
  example: { checkIn: '2030-11-11', checkOut: '2030-11-12', guest: 'Li Lei' },
  needsAddress: false,
  refuse(lines, details, now) {
    const [first, second] = lines;
    if (first === undefined || first.goodsKind === 'physical') {
      return refuse('order_type_mismatch', 'A room is not shipped; these goods are. Order them as type physical.', {
        errors: [{ path: 'items.0.skuId', message: 'is shipped' }],
      });
    }
    if (second !== undefined) {
      return refuse('order_type_mismatch', 'A hotel order has one kind of room; order the other apart.', {
        errors: [{ path: 'items.1.skuId', message: 'is a second kind of room' }],
      });
    }
    const wanted = stay.parse(details);
    if (isOver(wanted.checkIn, now)) {
      return refuse('order_type_mismatch', `${wanted.checkIn} has passed: no stay begins on it any more.`, {
        errors: [{ path: 'details.checkIn', message: 'has passed' }],
      });
    }
    const nights = nightsOf(wanted);
    const rooms = first.quantity / nights;
    if (Number.isInteger(rooms) && rooms <= MAX_ROOMS) return null;
    return refuse('order_type_mismatch', `${first.quantity} room nights are no whole rooms for ${nights} nights.`, {
      errors: [{ path: 'items.0.quantity', message: `must be ${nights} for each room, of ${MAX_ROOMS} at most` }],
    });
  },
  async also(tx, context, order) {
    const wanted: Stay = stay.parse(order.details);
    const [line] = order.lines;
    if (line === undefined) throw new Error(`broken invariant: order ${order.orderId} has no lines`);
    const rooms = line.quantity / nightsOf(wanted);
    await openRoom(tx, context, { ...order, skuId: line.skuId, rooms, stay: wanted });
  },
} satisfies OrderType;
