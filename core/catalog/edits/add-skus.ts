import type { CoreContext } from '../../context.ts';
import { canonicalJson, sha256 } from '../../kernel/canonical.ts';
import { catchRefusal, must, RefusalError, type Result, refuse } from '../../kernel/errors.ts';
import { newSku } from '../catalog.import.ts';
import { type Product, readProduct } from '../catalog.read.ts';
import { insertSkus, readSkuRows } from '../catalog.store.ts';
import { MAX_SKUS, parseSkus } from '../product.format.ts';
import { refreshStats } from '../stats/stats.store.ts';
import { isTaken } from '../words/words.ts';
import { findAddition, markAddition } from './edits.store.ts';
import { finished, openProduct } from './edits.ts';

/**
 * Adds SKUs with prices and stock to a product that is there (基于 SPU 建 SKU), from the source's JSON. All of them or none.
 *
 * Refuses: what `parseSkus` refuses; `product_unknown`; `wrong_state` (being audited, or deleted); `currency_mismatch`
 * (its other SKUs are sold in another one); `name_taken`; `product_invalid` (too many; on the shelf: what each must have);
 * `idempotency_key_reused`.
 */
export async function addSkus(
  ctx: CoreContext,
  actor: string,
  spuId: number,
  text: string,
  idempotencyKey: string,
): Promise<Result<{ readonly product: Product; readonly replayed: boolean }>> {
  const key = `${actor}:${idempotencyKey}`;
  try {
    return await catchRefusal(() =>
      ctx.db.tx(async (tx) => {
        const row = await openProduct(tx, spuId);
        const now = ctx.clock.now();
        const there = await readSkuRows(tx, spuId, now);
        const currency = there[0]?.currency ?? null;
        const parsed = parseSkus(text, currency);
        if (!parsed.ok) throw new RefusalError(parsed);
        const { skus } = parsed.value;
        const digest = sha256(canonicalJson(parsed.value));
        const earlier = await findAddition(tx, spuId, key);
        if (earlier === digest) {
          return { product: must(await readProduct(tx, spuId, now), `product ${spuId}`), replayed: true };
        }
        if (earlier !== null) {
          throw new RefusalError(refuse('idempotency_key_reused', 'The Idempotency-Key added other SKUs.'));
        }
        if (currency !== null && currency !== parsed.value.currency) {
          const detail = `Product ${spuId} is sold in ${currency}, not ${parsed.value.currency}.`;
          throw new RefusalError(refuse('currency_mismatch', detail));
        }
        if (there.length + skus.length > MAX_SKUS) {
          throw new RefusalError(refuse('product_invalid', `A product has ${MAX_SKUS} SKUs at most.`));
        }
        const { name, description, category_id: categoryId, brand_id: brandId, attributes } = row;
        const product = { name, description, categoryId, brandId, attributes, currency: parsed.value.currency };
        await insertSkus(tx, { spuId, currency: product.currency, actor, now }, skus.map(newSku(product)));
        const names = skus.map((sku) => sku.name);
        await markAddition(tx, spuId, names, key, digest);
        await refreshStats(tx, [spuId], now);
        const change = { operation: 'sku.add', before: null, after: { skus: names } };
        return { product: await finished(ctx, tx, actor, row, change), replayed: false };
      }),
    );
  } catch (error) {
    if (isTaken(error)) return refuse('name_taken', 'The product has a SKU of one of these names already.');
    throw error;
  }
}
