import type { BusEvent } from '../bus/event.ts';
import type { CoreContext } from '../context.ts';
import type { Tx } from '../kernel/db/database.ts';
import { STOCK_EVENTS } from '../stock/pieces.ts';
import { productMachine } from './catalog.machine.ts';
import { misplaced, productsOfPayOrders, productsOfSkus } from './sold-out.store.ts';

/**
 * Lets the shelf follow the stock, both ways: ON_SHELF → SOLD_OUT when nothing is on hand of any SKU in any warehouse,
 * SOLD_OUT → ON_SHELF when there is something again. It looks at the products that the events speak of as they are now, so
 * the same events twice, or late, do no harm: whoever changes the stock afterwards writes another event.
 *
 * A person's word is never overridden: what was taken off the shelf or frozen stands in another state, which this does not
 * move, and the move names the state it was decided on. Orders do not wait for it: `SOLD_OUT` can be ordered, and the stock
 * itself says no.
 */
export async function followStock(
  context: Pick<CoreContext, 'mover'>,
  tx: Tx,
  events: readonly BusEvent[],
): Promise<void> {
  const scopes = new Set<string>();
  const skus = new Set<number>();
  const products = new Set<number>();
  for (const { machine, scope, entityId } of events) {
    if (machine === STOCK_EVENTS) skus.add(Number(entityId));
    else if (machine === 'product') products.add(Number(entityId));
    else if (scope !== null) scopes.add(scope);
  }
  for (const id of await productsOfPayOrders(tx, [...scopes])) products.add(id);
  for (const id of await productsOfSkus(tx, [...skus])) products.add(id);
  if (products.size === 0) return;
  for (const { id, state } of await misplaced(tx, [...products])) {
    const cause = { id: String(id), actor: 'core', scope: null };
    if (state === 'ON_SHELF') {
      const reason = 'nothing is on hand of any SKU';
      await context.mover.move(tx, productMachine, { ...cause, from: 'ON_SHELF', to: 'SOLD_OUT', reason });
    } else {
      const reason = 'there is stock again';
      await context.mover.move(tx, productMachine, { ...cause, from: 'SOLD_OUT', to: 'ON_SHELF', reason });
    }
  }
}
