import type { Action } from '../action.ts';

/** A client whose order was not answered asks again under the same key. */
export default {
  id: 'ask-again',
  weight: 4,
  async act(sale) {
    const order = sale.unanswered.shift();
    if (order === undefined) return null;
    return order();
  },
} satisfies Action;
