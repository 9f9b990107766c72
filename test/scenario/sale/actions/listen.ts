import { turn } from '../../../../core/bus/consume.ts';
import { consumerOf, loadConsumers } from '../../../../core/consumers/consumers.ts';
import type { Action } from '../action.ts';
import { NEVER } from '../sale.ts';

const CONSUMERS = [...(await loadConsumers()).values()];

/** A consumer of the bus takes what is new. */
export default {
  id: 'listen',
  weight: 8,
  async act(sale) {
    const declared = sale.pick(CONSUMERS);
    if (declared === undefined) return null;
    const taken = await turn(sale.ctx, consumerOf(sale.ctx, declared), 'sale', NEVER);
    if (taken.kind === 'idle') return null;
    if (taken.kind !== 'handled') throw new Error(`${declared.id}: ${JSON.stringify(taken)}`);
    return `${declared.id} ${taken.count}`;
  },
} satisfies Action;
