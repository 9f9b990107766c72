import type { CoreContext } from '../context.ts';
import { canonicalJson, sha256 } from '../kernel/canonical.ts';
import type { Tx } from '../kernel/db/database.ts';
import { must, ok, type Result, refuse } from '../kernel/errors.ts';
import type { Currency } from '../kernel/money.ts';
import { logOperation } from '../operations/operation-log.ts';
import { productMachine } from './catalog.machine.ts';
import { type Product, readProduct } from './catalog.read.ts';
import { findImport, insertSkus, type NewSku, prepareImport } from './catalog.store.ts';
import { type ProductDraft, parseProduct } from './product.format.ts';
import { takeSnapshot } from './snapshot.ts';
import { refreshStats } from './stats/stats.store.ts';

export interface ImportOptions {
  /** Sent twice with the same content, it makes the product once. Unique per actor. */
  readonly importKey?: string;
  /** Of the prices, where the product names none; default CNY. */
  readonly currency?: Currency;
}

/**
 * Imports one product with its SKUs, prices, stock and snapshots from the source's JSON, as a DRAFT, in one transaction.
 *
 * Refuses what `parseProduct` refuses, `category_unknown`, `brand_unknown`, `idempotency_key_reused` (the key with another content).
 */
export async function importProduct(
  ctx: CoreContext,
  actor: string,
  text: string,
  options: ImportOptions = {},
): Promise<Result<{ readonly product: Product; readonly replayed: boolean }>> {
  const parsed = parseProduct(text, options.currency === undefined ? {} : { currency: options.currency });
  if (!parsed.ok) return parsed;
  const draft = parsed.value;
  const importKey = options.importKey === undefined ? null : `${actor}:${options.importKey}`;
  const digest = sha256(canonicalJson(draft));
  const known = importKey === null ? null : await imported(ctx, importKey, digest);
  if (known !== null) return known;

  const { goodsKind, brandKnown, spuId } = await prepareImport(ctx.db, draft.categoryId, draft.brandId);
  if (goodsKind === null) {
    return refuse('category_unknown', `No category has the id ${draft.categoryId}.`, {
      errors: [{ path: 'categoryId', message: 'is not a category we know' }],
    });
  }
  if (!brandKnown) {
    return refuse('brand_unknown', `No brand has the id ${draft.brandId}.`, {
      errors: [{ path: 'spu.brandId', message: 'is not a brand we know' }],
    });
  }
  try {
    await ctx.db.tx((tx) => writeProduct(ctx, tx, { actor, draft, spuId, importKey, digest }));
  } catch (error) {
    // The same import sent twice at once: the other one was faster.
    const first = importKey !== null && isUniqueViolation(error) ? await imported(ctx, importKey, digest) : null;
    if (first !== null) return first;
    throw error;
  }
  return ok({ product: must(await readProduct(ctx.db, spuId, ctx.clock.now()), `product ${spuId}`), replayed: false });
}

async function imported(
  ctx: CoreContext,
  importKey: string,
  digest: string,
): Promise<Result<{ readonly product: Product; readonly replayed: boolean }> | null> {
  const row = await findImport(ctx.db, importKey);
  if (row === null) return null;
  if (row.import_digest !== digest) {
    return refuse('idempotency_key_reused', `This Idempotency-Key imported product ${row.id} with another content.`);
  }
  return ok({ product: must(await readProduct(ctx.db, row.id, ctx.clock.now()), `product ${row.id}`), replayed: true });
}

function isUniqueViolation(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '23505';
}

interface ProductWrite {
  readonly actor: string;
  readonly draft: ProductDraft;
  readonly spuId: number;
  readonly importKey: string | null;
  readonly digest: string;
}

async function writeProduct(ctx: CoreContext, tx: Tx, write: ProductWrite): Promise<void> {
  const { actor, draft, spuId } = write;
  const now = ctx.clock.now();
  await ctx.mover.create(tx, productMachine, {
    id: String(spuId),
    columns: {
      category_id: draft.categoryId,
      shop_id: draft.shopId ?? 1,
      brand_id: draft.brandId,
      name: draft.name,
      description: draft.description,
      attributes: JSON.stringify(draft.attributes),
      created_at: now,
      import_key: write.importKey,
      import_digest: write.digest,
    },
    actor,
    reason: 'imported',
  });
  await insertSkus(tx, { spuId, currency: draft.currency, actor, now }, draft.skus.map(newSku(draft)));
  await refreshStats(tx, [spuId], now);
  const after = { name: draft.name, categoryId: draft.categoryId, skus: draft.skus.length };
  const entityId = String(spuId);
  await logOperation(tx, { actor, entityType: 'product', entityId, operation: 'import', before: null, after }, now);
}

function newSku(draft: ProductDraft): (sku: ProductDraft['skus'][number]) => NewSku {
  const { name, description, categoryId, brandId, attributes, currency } = draft;
  const product = { name, description, categoryId, brandId, attributes };
  return (sku) => {
    const content = { product, sku: { name: sku.name, attributes: sku.attributes }, price: sku.price, currency };
    const { id, text } = takeSnapshot(content);
    return { ...sku, attributes: JSON.stringify(sku.attributes), snapshotId: id, snapshot: text };
  };
}
