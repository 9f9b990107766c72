import type { Action } from '../action.ts';
import { carry, underWay } from '../letters.ts';

/** A carrier moves a parcel on, or loses it. */
export default {
  id: 'carry',
  weight: 10,
  async act(sale) {
    const parcel = sale.pick(underWay(sale).parcels);
    if (parcel === undefined) return null;
    const to = sale.chance(0.08) ? 'failed' : parcel.state === 'accepted' ? 'processing' : 'delivered';
    carry(sale, parcel.shipmentId, to);
    return `${parcel.shipmentId} ${to}`;
  },
} satisfies Action;
