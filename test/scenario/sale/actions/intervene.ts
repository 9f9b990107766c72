import type { Action } from '../action.ts';

/** A person ends what could not go on by itself (人工介入). */
export default {
  id: 'intervene',
  weight: 5,
  async act(sale) {
    const [stuck] = await sale.refundsAt('R15');
    if (stuck === undefined) return null;
    return `${stuck} ${await sale.intervene(stuck)}`;
  },
} satisfies Action;
