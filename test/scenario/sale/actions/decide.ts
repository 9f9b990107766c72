import type { Action } from '../action.ts';
import { decide, underWay } from '../letters.ts';

/** A shopper at the channel pays, or the bank says no. */
export default {
  id: 'decide',
  weight: 12,
  async act(sale) {
    const tradeNo = sale.pick(underWay(sale).openTrades);
    if (tradeNo === undefined) return null;
    const paid = sale.chance(0.85);
    decide(sale, tradeNo, paid);
    return `${tradeNo} ${paid ? 'paid' : 'failed'}`;
  },
} satisfies Action;
