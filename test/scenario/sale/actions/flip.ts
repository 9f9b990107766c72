import type { Action } from '../action.ts';

/** Somebody flips a switch. */
export default {
  id: 'flip',
  weight: 2,
  async act(sale) {
    const { off } = sale.guard;
    const key = sale.pick(['marketing.coupons', 'marketing.points']) ?? 'marketing.coupons';
    if (off.delete(key)) return `${key} on`;
    off.add(key);
    return `${key} off`;
  },
} satisfies Action;
