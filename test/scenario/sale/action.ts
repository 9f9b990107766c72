import type { Registered } from '../../../core/kernel/registry.ts';
import type { Sale } from './sale.ts';

/** One thing that can happen in a sale. One file in `actions/`, named by its id. */
export interface Action extends Registered {
  /** How often, against the others. */
  readonly weight: number;
  /** Does it and says how it ended, or null: there is nothing to do it with now. */
  act(sale: Sale): Promise<string | null>;
}
