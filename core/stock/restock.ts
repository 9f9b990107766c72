import type { Tx } from '../kernel/db/database.ts';
import { lockTaken, type Restock, restockPieces } from './restock.store.ts';

/**
 * Returned goods go from sold to on hand again (退货入库), where they came from, exactly once per key, with a movement that
 * says why. Returns the pieces that came back now: 0 when the key is known, for a SKU that is not counted, and for codes,
 * which nobody buys twice once they were delivered.
 *
 * Throws when the order has fewer of them left than come back: the caller bounds what is returned by what was bought.
 */
export async function restock(tx: Tx, goods: Restock): Promise<number> {
  const taken = await lockTaken(tx, goods.orderId, goods.skuId);
  if (taken === null) return 0;
  // A code that was delivered was seen; one that was not yet is as good as new.
  const quantity = Math.min(goods.quantity, taken.stock_mode === 'codes' ? taken.undelivered : goods.quantity);
  if (quantity === 0) return 0;
  const { known, back } = await restockPieces(tx, taken, { ...goods, quantity });
  if (known) return 0;
  if (!back) {
    throw new Error(
      `broken invariant: ${quantity} pieces of SKU ${goods.skuId} come back from order ${goods.orderId}, which has ${taken.pieces} left`,
    );
  }
  return quantity;
}
