import type { CoreContext } from '../../context.ts';
import type { Tx } from '../../kernel/db/database.ts';
import { catchRefusal, must, type Refusal, RefusalError, type Result, refuse } from '../../kernel/errors.ts';
import { logOperation } from '../../operations/operation-log.ts';
import { type Product, readProduct } from '../catalog.read.ts';
import { lockProduct, type ProductRow, readSkuRows, type SkuRow } from '../catalog.store.ts';
import { lockForEdit, noteEdit, snapshotOf } from '../editing.ts';
import { livePrices } from '../prices/prices.store.ts';
import type { Attribute } from '../product.format.ts';
import { readCategoryRow } from '../tree/tree.store.ts';
import { refuseCategory, whyIncomplete } from '../tree/tree.ts';
import { checkWords, isTaken, refuseStale } from '../words/words.ts';
import { repicture, replaceTags, updateProduct, updateSku } from './edits.store.ts';

/** Whoever audits a product sees what was submitted; what is deleted stays as it was. */
const CLOSED: ReadonlySet<string> = new Set(['PENDING_AUDIT', 'DELETED']);
/** Buyers see it, so it must stay complete. */
const SHOWN: ReadonlySet<string> = new Set(['ON_SHELF', 'SOLD_OUT']);

export interface ProductChange {
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly attributes?: readonly Attribute[] | undefined;
  readonly brandId?: number | null | undefined;
  readonly categoryId?: number | undefined;
}

/**
 * Changes what a product says of itself. Each of its SKUs and their prices to come gets a new snapshot; orders that are
 * placed keep theirs.
 *
 * Refuses: `product_unknown`; `stale_revision`; `wrong_state` (being audited, or deleted); `brand_unknown`;
 * `category_unknown`; `product_invalid` (the category's goods are of another kind; on the shelf: what it must have).
 */
export function editProduct(
  ctx: CoreContext,
  actor: string,
  spuId: number,
  version: number,
  change: ProductChange,
): Promise<Result<Product>> {
  return catchRefusal(() =>
    ctx.db.tx(async (tx) => {
      const before = await openProduct(tx, spuId);
      if (before.version !== version) throw new RefusalError(refuseStale(`product ${spuId}`, before.version));
      const refusal = await whyNotChange(tx, before, change);
      if (refusal !== null) throw new RefusalError(refusal);
      const after: ProductRow = {
        ...before,
        name: change.name ?? before.name,
        description: change.description ?? before.description,
        attributes: change.attributes ?? before.attributes,
        brand_id: change.brandId === undefined ? before.brand_id : change.brandId,
        category_id: change.categoryId ?? before.category_id,
        version: before.version + 1,
      };
      await updateProduct(tx, after);
      const now = ctx.clock.now();
      await pictureAnew(tx, after, await readSkuRows(tx, spuId, now), now);
      return finished(ctx, tx, actor, after, { operation: 'edit', before: told(before), after: told(after) });
    }),
  );
}

/**
 * Changes what a SKU says of itself, with new snapshots of it and its prices to come.
 *
 * Refuses: `sku_unknown`; `stale_revision`; `wrong_state`; `name_taken`; `product_invalid` (as `editProduct`).
 */
export async function editSku(
  ctx: CoreContext,
  actor: string,
  skuId: number,
  version: number,
  change: { readonly name?: string | undefined; readonly attributes?: readonly Attribute[] | undefined },
): Promise<Result<Product>> {
  try {
    return await catchRefusal(() =>
      ctx.db.tx(async (tx) => {
        const { product, sku } = await lockForEdit(tx, skuId);
        demandOpen(product);
        if (sku.version !== version) throw new RefusalError(refuseStale(`SKU ${skuId}`, sku.version));
        const after = { ...sku, name: change.name ?? sku.name, attributes: change.attributes ?? sku.attributes };
        await updateSku(tx, skuId, after);
        await pictureAnew(tx, product, [after], ctx.clock.now());
        const say = ({ name, attributes }: SkuRow) => ({ skuId, name, attributes });
        return finished(ctx, tx, actor, product, { operation: 'sku.edit', before: say(sku), after: say(after) });
      }),
    );
  } catch (error) {
    if (isTaken(error)) return refuse('name_taken', 'Another SKU of the product has the name.');
    throw error;
  }
}

/** Gives a product these tags and no others. Refuses: `product_unknown`; `wrong_state`; `tag_unknown`. */
export function tagProduct(
  ctx: CoreContext,
  actor: string,
  spuId: number,
  tagIds: readonly number[],
): Promise<Result<Product>> {
  return catchRefusal(() =>
    ctx.db.tx(async (tx) => {
      const product = await openProduct(tx, spuId);
      const known = await checkWords(tx, 'tag', tagIds, 'tagIds');
      if (!known.ok) throw new RefusalError(known);
      await replaceTags(tx, spuId, [...new Set(tagIds)]);
      const before = product.tags.map((tag) => tag.tagId);
      return finished(ctx, tx, actor, product, { operation: 'tags', before, after: tagIds.map(String) });
    }),
  );
}

/** @throws RefusalError product_unknown, wrong_state */
export async function openProduct(tx: Tx, spuId: number): Promise<ProductRow> {
  const product = await lockProduct(tx, spuId);
  if (product === null) throw new RefusalError(refuse('product_unknown', `No product has the id ${spuId}.`));
  demandOpen(product);
  return product;
}

function demandOpen(product: ProductRow): void {
  if (!CLOSED.has(product.state)) return;
  throw new RefusalError(refuse('wrong_state', `Product ${product.id} is ${product.state}: it cannot be edited now.`));
}

/** The end of every edit: what is shown stays complete, copies are stale, the log says who did it. */
export async function finished(
  ctx: CoreContext,
  tx: Tx,
  actor: string,
  product: ProductRow,
  change: { readonly operation: string; readonly before: unknown; readonly after: unknown },
): Promise<Product> {
  if (SHOWN.has(product.state)) {
    const incomplete = await whyIncomplete(tx, product.id, product.category_id);
    if (incomplete !== null) throw new RefusalError(incomplete);
  }
  const now = ctx.clock.now();
  await logOperation(tx, { actor, entityType: 'product', entityId: String(product.id), ...change }, now);
  await noteEdit(ctx, tx, product, { actor, reason: change.operation });
  return must(await readProduct(tx, product.id, now), `product ${product.id}`);
}

async function whyNotChange(tx: Tx, product: ProductRow, change: ProductChange): Promise<Refusal | null> {
  if (change.brandId !== undefined && change.brandId !== null) {
    const known = await checkWords(tx, 'brand', [change.brandId], 'brandId');
    if (!known.ok) return known;
  }
  if (change.categoryId === undefined) return null;
  const category = await readCategoryRow(tx, change.categoryId);
  if (category === null) return refuseCategory(change.categoryId);
  if (category.goods_kind === product.goods_kind) return null;
  return refuse(
    'product_invalid',
    `Goods of category ${category.id} are ${category.goods_kind}, those of the product ${product.goods_kind}.`,
    { errors: [{ path: 'categoryId', message: 'has goods of another kind' }] },
  );
}

async function pictureAnew(tx: Tx, product: ProductRow, skus: readonly SkuRow[], now: Date): Promise<void> {
  const byId = new Map(skus.map((sku) => [sku.id, sku]));
  const prices = await livePrices(tx, [...byId.keys()], now);
  await repicture(
    tx,
    'sku',
    skus.map((sku) => pictureOf(sku.id, product, sku, sku.price)),
  );
  await repicture(
    tx,
    'price',
    prices.map((price) =>
      pictureOf(price.id, product, must(byId.get(price.sku_id), 'the SKU of a price'), price.amount),
    ),
  );
}

function pictureOf(id: number, product: ProductRow, sku: SkuRow, price: number) {
  const { id: snapshotId, text: snapshot } = snapshotOf(product, sku, price);
  return { id, snapshotId, snapshot };
}

function told(row: ProductRow) {
  const { name, description, attributes, brand_id: brandId, category_id: categoryId } = row;
  return { name, description, attributes, brandId, categoryId };
}
