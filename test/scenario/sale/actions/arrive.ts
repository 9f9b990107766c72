import type { Action } from '../action.ts';

/** A request that was held up on its way arrives, whatever has become of its sender. */
export default {
  id: 'arrive',
  weight: 5,
  async act(sale) {
    const { heldUp } = sale.road;
    if (heldUp.length === 0) return null;
    const index = sale.random.int(heldUp.length);
    sale.road.arrive(index);
    return `number ${index + 1}`;
  },
} satisfies Action;
