import type { BusEvent } from '../../bus/event.ts';
import type { CoreContext } from '../../context.ts';
import type { Tx } from '../../kernel/db/database.ts';
import { STOCK_EVENTS } from '../../stock/pieces.ts';
import { productsOfPayOrders, productsOfSkus } from '../sold-out.store.ts';
import { countUncounted, refreshDueStats, refreshStats } from './stats.store.ts';

/** Whose events say that prices, stock or sales of a product may be others now. */
export const STAT_MACHINES = ['order', 'shipment', 'refund', 'product', STOCK_EVENTS] as const;

/**
 * Counts the products anew that the events speak of, as they are now, and those whose price began or ended by itself. Seen
 * again, the events change nothing: sales of counted SKUs are what the stock says, those of others are kept once per order.
 */
export async function followSales(
  context: Pick<CoreContext, 'clock'>,
  tx: Tx,
  events: readonly BusEvent[],
): Promise<void> {
  const scopes = new Set<string>();
  const skus = new Set<number>();
  const products = new Set<number>();
  const paid = new Set<string>();
  for (const { machine, scope, entityId, toState, fromState } of events) {
    if (machine === STOCK_EVENTS) skus.add(Number(entityId));
    else if (machine === 'product') products.add(Number(entityId));
    else if (scope !== null) scopes.add(scope);
    if (machine === 'order' && toState === 'O1' && fromState !== 'O1') paid.add(entityId);
  }
  for (const id of await productsOfPayOrders(tx, [...scopes])) products.add(id);
  for (const id of await productsOfSkus(tx, [...skus])) products.add(id);
  const now = context.clock.now();
  await refreshStats(tx, [...products], now);
  await countUncounted(tx, [...paid]);
  await refreshDueStats(tx, now);
}
