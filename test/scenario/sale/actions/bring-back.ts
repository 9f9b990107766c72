import type { Action } from '../action.ts';
import { bringBack, underWay } from '../letters.ts';

/** A return moves on, or is lost on its way. */
export default {
  id: 'bring-back',
  weight: 10,
  async act(sale) {
    const parcel = sale.pick(underWay(sale).returns);
    if (parcel === undefined) return null;
    const to = sale.chance(0.2) ? 'failed' : parcel.state === 'accepted' ? 'processing' : 'received';
    bringBack(sale, parcel.returnNo, to);
    return `${parcel.returnNo} ${to}`;
  },
} satisfies Action;
