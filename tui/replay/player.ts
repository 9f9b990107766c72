import type { Client } from '../client.ts';
import { monotonicMs, until } from '../clock.ts';
import { inParallel } from './pace.ts';
import type { Plan } from './plan.ts';
import { productsOf, stockUp } from './shelf.ts';
import { type Counters, type Played, type Refused, shopOne } from './shopper.ts';

/** Plays a plan through the HTTP interfaces, as a shop, its shoppers and its merchant would. */
export interface Cast extends Counters {
  readonly merchant: Client;
}

export interface PlayOptions {
  /** Times real time; infinite plays as fast as the shoppers can. */
  readonly speed: number;
  readonly shoppers: number;
  readonly signal: AbortSignal;
  readonly stage: Stage;
}

/** What is told while it plays. */
export interface Stage {
  begin(what: 'products' | 'invoices' | 'books', total: number): void;
  step(): void;
}

/** Grows while the replay plays, so that one that is stopped can say how far it came. */
export interface Performance {
  readonly played: Played[];
  readonly refused: Refused[];
}

export async function play(plan: Plan, cast: Cast, performed: Performance, options: PlayOptions): Promise<void> {
  const { signal, stage, shoppers: width } = options;
  const products = productsOf(plan.skus);
  stage.begin('products', products.length);
  const shelf = await stockUp(products, cast.merchant, {
    runKey: plan.digest,
    width,
    signal,
    onStocked: () => stage.step(),
  });
  stage.begin('invoices', plan.invoices.length);
  const first = plan.invoices[0]?.at.getTime() ?? 0;
  const startedMs = monotonicMs();
  await inParallel(plan.invoices, width, signal, async (invoice, either) => {
    await until(startedMs + (invoice.at.getTime() - first) / options.speed, either);
    const outcome = await shopOne(invoice, cast, { runKey: plan.digest, shelf, signal: either });
    if ('reason' in outcome) performed.refused.push(outcome);
    else performed.played.push(outcome);
    stage.step();
  });
}
