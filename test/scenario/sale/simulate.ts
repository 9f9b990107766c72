import { loadRegistry } from '../../../core/kernel/registry.ts';
import type { TestDatabase } from '../../support/cluster.ts';
import type { Action } from './action.ts';
import { Sale } from './sale.ts';
import { settle } from './settle.ts';

const ACTIONS = [...(await loadRegistry<Action>(new URL('./actions/', import.meta.url))).values()];
const WEIGHTS = ACTIONS.reduce((sum, { weight }) => sum + weight, 0);

export interface Outcome {
  readonly seed: number;
  /** What was wrong first; null: nothing. */
  readonly wrong: string | null;
  readonly trace: readonly string[];
  /** The transitions that were taken, as `machine from to`. */
  readonly taken: ReadonlySet<string>;
}

/** One seed from the first step to the last light out. The same seed makes the same trace. */
export async function simulate(database: TestDatabase, seed: number, steps: number): Promise<Outcome> {
  await using sale = await Sale.open(database, seed);
  let wrong: string | null = null;
  try {
    for (let step = 0; step < steps; ) {
      const action = choose(sale);
      if (await sale.happen(action.id, () => action.act(sale))) step += 1;
    }
    const left = await settle(sale);
    if (left.length > 0) wrong = left.join('\n');
  } catch (error) {
    wrong = error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  return { seed, wrong, trace: sale.trace, taken: sale.taken };
}

function choose(sale: Sale): Action {
  let left = sale.random.next() * WEIGHTS;
  for (const action of ACTIONS) {
    left -= action.weight;
    if (left < 0) return action;
  }
  throw new Error('broken invariant: nothing can happen');
}
