import type { CoreContext } from '../context.ts';
import { canonicalJson, sha256 } from '../kernel/canonical.ts';
import type { Tx } from '../kernel/db/database.ts';
import { must, ok, type Refusal, type Result, refuse } from '../kernel/errors.ts';
import type { Currency } from '../kernel/money.ts';
import { logOperation } from '../operations/operation-log.ts';
import { productMachine } from './catalog.machine.ts';
import { type Product, readProduct } from './catalog.read.ts';
import { findImport, insertSkus, type NewSku, prepareImport } from './catalog.store.ts';
import { type ProductDraft, parseProduct, parseSpu } from './product.format.ts';
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
  return makeProduct(ctx, actor, parsed.value, options.importKey);
}

/**
 * Makes a product without SKUs (先建 SPU, the vertical way): what the platform keeps, on which SKUs are added later.
 *
 * Refuses as `importProduct`.
 */
export function createSpu(
  ctx: CoreContext,
  actor: string,
  text: string,
  key: string,
): Promise<Result<{ readonly product: Product; readonly replayed: boolean }>> {
  const parsed = parseSpu(text);
  if (!parsed.ok) return Promise.resolve(parsed);
  return makeProduct(ctx, actor, { ...parsed.value, currency: 'CNY', skus: [] }, key);
}

async function makeProduct(
  ctx: CoreContext,
  actor: string,
  draft: ProductDraft,
  key: string | undefined,
): Promise<Result<{ readonly product: Product; readonly replayed: boolean }>> {
  const importKey = key === undefined ? null : `${actor}:${key}`;
  const digest = digestOf(draft);
  const known = importKey === null ? null : await imported(ctx, importKey, digest);
  if (known !== null) return known;
  const { spuId, ...found } = await prepareImport(ctx.db, draft.categoryId, draft.brandId);
  const refusal = whyUnknown(draft, found);
  if (refusal !== null) return refusal;
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

export function digestOf(draft: ProductDraft): string {
  return sha256(canonicalJson(draft));
}

/** Refuses: `category_unknown`; `brand_unknown`. */
export function whyUnknown(
  draft: Pick<ProductDraft, 'categoryId' | 'brandId'>,
  found: { readonly goodsKind: string | null; readonly brandKnown: boolean },
): Refusal | null {
  if (found.goodsKind === null) {
    return refuse('category_unknown', `No category has the id ${draft.categoryId}.`, {
      errors: [{ path: 'categoryId', message: 'is not a category we know' }],
    });
  }
  if (found.brandKnown) return null;
  return refuse('brand_unknown', `No brand has the id ${draft.brandId}.`, {
    errors: [{ path: 'spu.brandId', message: 'is not a brand we know' }],
  });
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

export interface ProductWrite {
  readonly actor: string;
  readonly draft: ProductDraft;
  readonly spuId: number;
  readonly importKey: string | null;
  readonly digest: string;
  /** The caller counts the statistics of many at once. */
  readonly statsLater?: boolean;
}

/** Writes a new product whole, in the transaction given. Its id was drawn before. */
export async function writeProduct(ctx: CoreContext, tx: Tx, write: ProductWrite): Promise<void> {
  const { actor, draft, spuId } = write;
  const now = ctx.clock.now();
  const after = { name: draft.name, categoryId: draft.categoryId, skus: draft.skus.length };
  const entityId = String(spuId);
  // Sent together; none waits for another's answer.
  await Promise.all([
    ctx.mover.create(tx, productMachine, {
      id: entityId,
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
    }),
    draft.skus.length === 0
      ? undefined
      : insertSkus(tx, { spuId, currency: draft.currency, actor, now }, draft.skus.map(newSku(draft))),
    logOperation(tx, { actor, entityType: 'product', entityId, operation: 'import', before: null, after }, now),
    write.statsLater === true ? undefined : refreshStats(tx, [spuId], now),
  ]);
}

export function newSku(draft: Omit<ProductDraft, 'skus' | 'shopId'>): (sku: ProductDraft['skus'][number]) => NewSku {
  const { name, description, categoryId, brandId, attributes, currency } = draft;
  const product = { name, description, categoryId, brandId, attributes };
  return (sku) => {
    const content = { product, sku: { name: sku.name, attributes: sku.attributes }, price: sku.price, currency };
    const { id, text } = takeSnapshot(content);
    return { ...sku, attributes: JSON.stringify(sku.attributes), snapshotId: id, snapshot: text };
  };
}
