import type { Action } from '../action.ts';

const STEPS_MS = [200, 1_000, 3_000, 11_000, 60_000, 301_000];
const LONG_MS = 16 * 60_000;

/** Time passes; now and then so much that unpaid orders and attempts run out of theirs. */
export default {
  id: 'time',
  weight: 16,
  async act(sale) {
    const ms = sale.chance(0.04) ? LONG_MS : (sale.pick(STEPS_MS) ?? 0);
    await sale.later(ms);
    return `${ms} ms`;
  },
} satisfies Action;
