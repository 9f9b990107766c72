import { pay } from '../../../../core/payments/payments.ts';
import type { Action } from '../action.ts';
import { NEVER } from '../sale.ts';

/** A shopper presses pay. */
export default {
  id: 'pay',
  weight: 16,
  async act(sale) {
    const checkout = sale.pick(sale.checkouts.slice(-12));
    if (checkout === undefined) return null;
    sale.outside.channel.onInit = sale.chance(0.05) ? 'refused' : 'open';
    sale.outside.marketing.onDeduct = sale.chance(0.05) ? 'refused' : 'deducted';
    const { payOrderId } = checkout;
    const paying = await pay(sale.ctx, { payOrderId, channel: 'sandbox' }, NEVER);
    return `${payOrderId} ${paying.ok ? `${paying.value.paymentId} ${paying.value.state}` : paying.code}`;
  },
} satisfies Action;
