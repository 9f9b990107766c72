import { grantCoupon } from '../../../../core/marketing/coupons.ts';
import { grantPoints } from '../../../../core/marketing/points.ts';
import { createOrder } from '../../../../core/orders/submit.ts';
import { wishFor } from '../../../support/orders.ts';
import type { Action } from '../action.ts';
import { NEVER, type Sale } from '../sale.ts';

const USERS = [1, 1_001, 42, 900_042];

/** Somebody orders: one line or three, with a coupon or points now and then. A client that heard nothing asks again. */
export default {
  id: 'place',
  weight: 14,
  async act(sale) {
    const earlier = sale.chance(0.15) ? sale.pick(sale.checkouts) : undefined;
    if (earlier !== undefined) return `again, ${await earlier.again()}`;
    const userId = sale.pick(USERS) ?? 1;
    const items = sale.skus
      .filter((_, i) => i === 0 || sale.chance(0.3))
      .map((skuId) => ({ skuId, quantity: 1 + sale.random.int(2) }));
    const couponCode = sale.chance(0.3) ? await grant(sale) : undefined;
    const points = sale.chance(0.2) ? await give(sale, userId) : undefined;
    const wish = wishFor(items, {
      userId,
      ...(couponCode === undefined ? {} : { couponCode }),
      ...(points === undefined ? {} : { points }),
    });
    const key = `key-${sale.random.int(2 ** 40)}`;
    const order = async (): Promise<string> => {
      const placed = await createOrder(sale.ctx, 'a shop', wish, key, NEVER);
      if (!placed.ok) return placed.code;
      if (placed.value.kind === 'queued') return `${placed.value.ticket.id} queued`;
      const { payOrderId, payable, orders } = placed.value.created;
      const known = sale.checkouts.find((checkout) => checkout.payOrderId === payOrderId);
      if (known === undefined) {
        const orderIds = orders.map(({ orderId }) => orderId);
        sale.checkouts.push({ payOrderId, orderIds, userId, payable: payable.amount, again: order });
      }
      return `${payOrderId} ${payable.amount}${placed.value.replayed ? ' replayed' : ''}`;
    };
    try {
      return await order();
    } catch (error) {
      // Whether it was placed the client does not know: it asks again, later, when the server is back.
      if (!sale.life.dead) throw error;
      sale.unanswered.push(order);
      throw error;
    }
  },
} satisfies Action;

/** The shopper gets points, and wants to pay with as many as that: more than all that is there now and then. */
async function give(sale: Sale, userId: number): Promise<number> {
  const points = sale.pick([1, 777, 10_000]) ?? 1;
  await grantPoints(sale.ctx, 'a merchant', { userId, points, reason: 'a sale' }, `points-${sale.random.int(2 ** 40)}`);
  return sale.chance(0.2) ? points * 50 : points;
}

async function grant(sale: Sale): Promise<string | undefined> {
  const amount = { amount: sale.pick([1, 1_000, 5_000, 500_000]) ?? 1, currency: 'CNY' } as const;
  const wanted = { amount, validUntil: sale.soon(86_400_000) };
  const granted = await grantCoupon(sale.ctx, 'a merchant', wanted, `grant-${sale.random.int(2 ** 40)}`);
  return granted.ok ? granted.value.coupon.code : undefined;
}
