import type { CoreContext } from '../context.ts';
import { catchRefusal, must, ok, type Refusal, RefusalError, type Result, refuse } from '../kernel/errors.ts';
import type { Money } from '../kernel/money.ts';
import { logOperation } from '../operations/operation-log.ts';
import { stockOf } from '../stock/stock.ts';
import { LIFE_CYCLE, type LifeCycleCommand, type ProductState, productMachine } from './catalog.machine.ts';
import { type Product, readProduct, type Sku, skuOf, stateOf } from './catalog.read.ts';
import { lockProduct, type ProductRow, readSkuRow, type SkuRow, updatePrice } from './catalog.store.ts';
import { lockForEdit, noteEdit, snapshotOf } from './editing.ts';
import { endStandardPrices } from './prices/prices.store.ts';
import { refreshStats } from './stats/stats.store.ts';
import { whyIncomplete } from './tree/tree.ts';

const NEEDS_REASON: ReadonlySet<LifeCycleCommand> = new Set(['reject', 'freeze', 'delete']);

/**
 * Moves a product through its life cycle. Saying the same twice is a success the second time too.
 *
 * Refuses: `product_unknown`; `reason_missing` (reject, freeze and delete); `wrong_state`; `product_invalid` (submit and
 * publish: without a SKU, or without an attribute that its category requires).
 */
export async function changeState(
  ctx: CoreContext,
  actor: string,
  spuId: number,
  command: LifeCycleCommand,
  reason: string | undefined,
): Promise<Result<Product>> {
  const { from, to } = LIFE_CYCLE[command];
  if (reason === undefined && NEEDS_REASON.has(command)) {
    return refuse('reason_missing', `To ${command} a product, say why.`);
  }
  const moved = await ctx.db.tx(async (tx): Promise<Result<null>> => {
    // Under the lock, so that what is submitted is what was looked at.
    const row = await lockProduct(tx, spuId);
    if (row === null) return refuse('product_unknown', `No product has the id ${spuId}.`);
    const state = stateOf(row);
    if (state === to) return ok(null);
    const wrongState = refuse(
      'wrong_state',
      `Product ${spuId} is ${state}; ${command} takes it from ${from.join(' or ')}.`,
    );
    if (!(from as readonly ProductState[]).includes(state)) return wrongState;
    if (command === 'submit' || command === 'publish') {
      const incomplete = await whyIncomplete(tx, spuId, row.category_id);
      if (incomplete !== null) return incomplete;
    }
    const id = String(spuId);
    const move = await ctx.mover.move(tx, productMachine, { id, from: state, to, actor, reason: reason ?? command });
    if (move.kind === 'elsewhere') return wrongState;
    if (move.kind === 'moved') {
      const [before, after] = [{ state }, { state: to, reason }];
      await logOperation(
        tx,
        { actor, entityType: 'product', entityId: id, operation: command, before, after },
        ctx.clock.now(),
      );
    }
    return ok(null);
  });
  if (!moved.ok) return moved;
  return ok(must(await readProduct(ctx.db, spuId, ctx.clock.now()), `product ${spuId}`));
}

/**
 * Sets a SKU's standing price, which is its standard price from now on: a standard price with a date that is in effect ends.
 * Promotions and flash prices go before it. Orders placed from now on see it; those placed before keep their snapshot.
 *
 * Refuses: `sku_unknown`; `currency_mismatch`; `amount_invalid` (0 without `free`); `wrong_state` (a deleted product).
 */
export async function setPrice(
  ctx: CoreContext,
  actor: string,
  skuId: number,
  wanted: { readonly price: Money; readonly free?: boolean | undefined },
): Promise<Result<Sku>> {
  return catchRefusal(() =>
    ctx.db.tx(async (tx) => {
      const { product, sku: row } = await lockForEdit(tx, skuId);
      const free = wanted.free ?? row.free;
      const refusal = whyNotPrice(row, product, wanted.price, free);
      if (refusal !== null) throw new RefusalError(refusal);
      const { id: snapshotId, text: snapshot } = snapshotOf(product, row, wanted.price.amount);
      const now = ctx.clock.now();
      const price = wanted.price.amount;
      const dated = await endStandardPrices(tx, skuId, now);
      if (row.price !== price || row.free !== free || dated > 0) {
        await updatePrice(tx, { skuId, price, free, snapshotId, snapshot, now });
        const before = { price: row.price, free: row.free, snapshotId: row.snapshot_id };
        const after = { price, free, snapshotId };
        await logOperation(
          tx,
          { actor, entityType: 'sku', entityId: String(skuId), operation: 'price', before, after },
          now,
        );
        await noteEdit(ctx, tx, product, { actor, reason: 'price' });
        await refreshStats(tx, [product.id], now);
      }
      const [next, stock] = await Promise.all([readSkuRow(tx, skuId, now), stockOf(tx, [skuId])]);
      return skuOf(must(next, `SKU ${skuId}`), stock);
    }),
  );
}

function whyNotPrice(row: SkuRow, product: ProductRow, price: Money, free: boolean): Refusal | null {
  if (price.currency !== row.currency) {
    return refuse('currency_mismatch', `SKU ${row.id} is sold in ${row.currency}, not ${price.currency}.`);
  }
  if (price.amount === 0 && !free) {
    return refuse('amount_invalid', 'A price of 0 is nothing; say "free": true where that is meant.');
  }
  if (product.state === 'DELETED') return refuse('wrong_state', `Product ${product.id} is deleted.`);
  return null;
}
