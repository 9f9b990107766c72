import type { CoreContext } from '../context.ts';
import type { Tx } from '../kernel/db/database.ts';
import { must, RefusalError, refuse } from '../kernel/errors.ts';
import { productMachine } from './catalog.machine.ts';
import { bumpRevision, lockProduct, lockSku, type ProductRow, productOfSku, type SkuRow } from './catalog.store.ts';
import { takeSnapshot } from './snapshot.ts';

/**
 * Locks a SKU's product, then the SKU: every change of what a product shows takes the product first, so that two of them
 * queue up instead of waiting for each other in a ring. Orders only read, and do not wait for it.
 *
 * @throws RefusalError sku_unknown
 */
export async function lockForEdit(tx: Tx, skuId: number): Promise<{ product: ProductRow; sku: SkuRow }> {
  const spuId = await productOfSku(tx, skuId);
  if (spuId === null) throw new RefusalError(refuse('sku_unknown', `No SKU has the id ${skuId}.`));
  const product = must(await lockProduct(tx, spuId), `product ${spuId}`);
  return { product, sku: must(await lockSku(tx, skuId), `SKU ${skuId}`) };
}

/** Counts the change, so that copies elsewhere are stale, and tells the bus. In the transaction that makes the change. */
export async function noteEdit(
  ctx: CoreContext,
  tx: Tx,
  product: ProductRow,
  cause: { readonly actor: string; readonly reason: string },
): Promise<void> {
  await bumpRevision(tx, product.id);
  await ctx.mover.note(tx, productMachine, { ...product, id: String(product.id) }, 'edited', cause);
}

/** What a buyer sees who buys the SKU at this price. */
export function snapshotOf(product: ProductRow, sku: Pick<SkuRow, 'name' | 'attributes' | 'currency'>, price: number) {
  const { name, description, category_id: categoryId, brand_id: brandId, attributes } = product;
  return takeSnapshot({
    product: { name, description, categoryId, brandId, attributes },
    sku: { name: sku.name, attributes: sku.attributes },
    price,
    currency: sku.currency,
  });
}
