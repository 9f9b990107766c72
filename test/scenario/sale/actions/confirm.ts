import { confirmOrder } from '../../../../core/orders/confirm.ts';
import type { Action } from '../action.ts';

/** A shopper says that everything has come. */
export default {
  id: 'confirm',
  weight: 3,
  async act(sale) {
    const orderId = sale.pick(sale.pick(sale.checkouts)?.orderIds ?? []);
    if (orderId === undefined) return null;
    const confirmed = await confirmOrder(sale.ctx, 'a shop', orderId);
    return `${orderId} ${confirmed.ok ? confirmed.value.state : confirmed.code}`;
  },
} satisfies Action;
