import { shipPart } from '../../../../core/fulfilment/parts.ts';
import type { Action } from '../action.ts';

/** The warehouse ships one piece of an order by itself. */
export default {
  id: 'ship-part',
  weight: 5,
  async act(sale) {
    const orderId = sale.pick(sale.pick(sale.checkouts.slice(-12))?.orderIds ?? []);
    if (orderId === undefined) return null;
    const lines = [{ lineNo: 1 + sale.random.int(2), quantity: 1 }];
    const key = `part-${sale.random.int(2 ** 40)}`;
    const shipped = await shipPart(sale.ctx, 'a merchant', { orderId, lines, key });
    return `${orderId} ${shipped.ok ? `${shipped.value.shipment.id} ${shipped.value.shipment.state}` : shipped.code}`;
  },
} satisfies Action;
