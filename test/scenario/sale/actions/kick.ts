import type { Action } from '../action.ts';

/** The process does what it left for after the answer. */
export default {
  id: 'kick',
  weight: 20,
  async act(sale) {
    const { kicks } = sale.queue;
    const kick = sale.pick(kicks);
    if (kick === undefined) return null;
    kicks.splice(kicks.indexOf(kick), 1);
    sale.outside.channel.onRefund = sale.pick(['processing', 'processing', 'done', 'done', 'failed']) ?? 'done';
    sale.outside.fulfilment.onReturn = sale.chance(0.2) ? 'none' : 'accepted';
    await sale.run(kick);
    return kick.name;
  },
} satisfies Action;
