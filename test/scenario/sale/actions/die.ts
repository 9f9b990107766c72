import type { Action } from '../action.ts';

/** The process is killed between two things that it does. */
export default {
  id: 'die',
  weight: 2,
  async act(sale) {
    const lost = sale.queue.kicks.length;
    sale.restart();
    return `${lost} kicks lost`;
  },
} satisfies Action;
