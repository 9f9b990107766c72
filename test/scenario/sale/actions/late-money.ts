import type { Action } from '../action.ts';
import { decide } from '../letters.ts';

/** A bank that had said no has the money after all (迟到的支付成功). */
export default {
  id: 'late-money',
  weight: 3,
  async act(sale) {
    const failed = [...sale.outside.channel.trades.values()].filter(({ state }) => state === 'failed');
    const trade = sale.pick(failed);
    if (trade === undefined) return null;
    decide(sale, trade.tradeNo, true, true);
    return trade.tradeNo;
  },
} satisfies Action;
