import type { Action } from '../action.ts';

/** A reconciler runs one of its repairs. */
export default {
  id: 'repair',
  weight: 20,
  async act(sale) {
    const repair = sale.pick(sale.repairs);
    if (repair === undefined) return null;
    return sale.mend(repair);
  },
} satisfies Action;
