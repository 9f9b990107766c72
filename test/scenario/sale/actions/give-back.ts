import type { Action } from '../action.ts';
import { giveBack, underWay } from '../letters.ts';

/** The channel finishes a refund. */
export default {
  id: 'give-back',
  weight: 5,
  async act(sale) {
    const refundNo = sale.pick(underWay(sale).refunds);
    if (refundNo === undefined) return null;
    giveBack(sale, refundNo);
    return refundNo;
  },
} satisfies Action;
