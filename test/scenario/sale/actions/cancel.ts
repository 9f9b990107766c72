import { cancelOrder } from '../../../../core/orders/cancel.ts';
import type { Action } from '../action.ts';
import { NEVER } from '../sale.ts';

/** A shopper does not want it any more. */
export default {
  id: 'cancel',
  weight: 4,
  async act(sale) {
    const orderId = sale.pick(sale.pick(sale.checkouts)?.orderIds ?? []);
    if (orderId === undefined) return null;
    const cancelled = await cancelOrder(sale.ctx, orderId, 'changed my mind', NEVER);
    return `${orderId} ${cancelled.ok ? cancelled.value.state : cancelled.code}`;
  },
} satisfies Action;
