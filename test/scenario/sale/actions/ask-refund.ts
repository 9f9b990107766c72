import { requestRefund } from '../../../../core/aftersales/request.ts';
import type { Action } from '../action.ts';

const KINDS = ['refund', 'refund', 'return', 'return', 'exchange'] as const;

/** A shopper wants money back for some pieces, sends them back, or wants others for them. */
export default {
  id: 'ask-refund',
  weight: 10,
  async act(sale) {
    const orderId = sale.pick(sale.pick(sale.checkouts.slice(-20))?.orderIds ?? []);
    if (orderId === undefined) return null;
    const kind = sale.pick(KINDS) ?? 'refund';
    const lines = sale.chance(0.3) ? undefined : [{ lineNo: 1 + sale.random.int(2), quantity: 1 }];
    const asker = { name: 'the shop', entrance: 'user' } as const;
    const key = `refund-${sale.random.int(2 ** 40)}`;
    const asked = await requestRefund(sale.ctx, asker, { orderId, kind, lines, reason: 'too large' }, key);
    return `${orderId} ${kind} ${asked.ok ? `${asked.value.refund.id} ${asked.value.refund.state}` : asked.code}`;
  },
} satisfies Action;
