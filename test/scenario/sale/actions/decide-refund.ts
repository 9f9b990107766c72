import { approveRefund, rejectRefund } from '../../../../core/aftersales/decisions.ts';
import type { Action } from '../action.ts';

/** Customer service agrees to a refund, or does not. */
export default {
  id: 'decide-refund',
  weight: 10,
  async act(sale) {
    const [waiting] = await sale.refundsAt('R1');
    if (waiting === undefined) return null;
    const decided = sale.chance(0.8)
      ? await approveRefund(sale.ctx, 'the service', waiting)
      : await rejectRefund(sale.ctx, 'the service', waiting, 'it was worn');
    return `${waiting} ${decided.ok ? decided.value.state : decided.code}`;
  },
} satisfies Action;
