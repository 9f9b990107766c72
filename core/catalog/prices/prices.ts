import type { CoreContext } from '../../context.ts';
import { canonicalJson, sha256 } from '../../kernel/canonical.ts';
import type { Tx } from '../../kernel/db/database.ts';
import { catchRefusal, ok, type Refusal, RefusalError, type Result, refuse } from '../../kernel/errors.ts';
import type { Money } from '../../kernel/money.ts';
import { logOperation } from '../../operations/operation-log.ts';
import type { ProductRow, SkuRow } from '../catalog.store.ts';
import { lockForEdit, noteEdit, snapshotOf } from '../editing.ts';
import { refreshStats } from '../stats/stats.store.ts';
import type { PriceType } from './effective.ts';
import {
  endPriceRow,
  findPrice,
  insertPrice,
  listPriceRows,
  livePrices,
  type PriceRow,
  readPrice,
} from './prices.store.ts';

/** In effect or to come, per SKU: what an order looks through stays short. */
export const MAX_LIVE_PRICES = 100;

export interface PriceWish {
  readonly type: PriceType;
  readonly price: Money;
  /** Says that a price of 0 is meant. */
  readonly free?: boolean | undefined;
  /** Default: now. */
  readonly from?: Date | undefined;
  /** Not included. Only a standard price may be without end. */
  readonly to?: Date | undefined;
}

export interface DatedPrice {
  readonly row: PriceRow;
  readonly currency: Money['currency'];
}

/**
 * Gives a SKU a price with a time (价格生效). Of those in effect flash goes before promotion before standard, then the latest
 * start. Two flash prices of a SKU never overlap, nor two promotions; standard prices follow one another, so they do, but
 * no two begin at the same time.
 *
 * Refuses: `sku_unknown`; `currency_mismatch`; `amount_invalid` (0 without `free`); `wrong_state` (deleted);
 * `invalid_request` (times); `price_overlap`; `too_many_prices`; `idempotency_key_reused`.
 */
export function addPrice(
  ctx: CoreContext,
  actor: string,
  skuId: number,
  wish: PriceWish,
  idempotencyKey: string,
): Promise<Result<DatedPrice & { readonly replayed: boolean }>> {
  const key = `${actor}:${idempotencyKey}`;
  const digest = sha256(canonicalJson({ ...wish, from: wish.from?.toISOString(), to: wish.to?.toISOString() }));
  return catchRefusal(() =>
    ctx.db.tx(async (tx) => {
      const { product, sku } = await lockForEdit(tx, skuId);
      const before = await findPrice(tx, skuId, key);
      if (before !== null) {
        if (before.digest === digest) return { row: before, currency: sku.currency, replayed: true };
        throw new RefusalError(refuse('idempotency_key_reused', `The Idempotency-Key made price ${before.id}.`));
      }
      const now = ctx.clock.now();
      const from = wish.from ?? now;
      const refusal = whyNot(product, sku, wish, from, now) ?? clash(await livePrices(tx, [skuId], now), wish, from);
      if (refusal !== null) throw new RefusalError(refusal);
      const { id: snapshotId, text: snapshot } = snapshotOf(product, sku, wish.price.amount);
      const row = await insertPrice(tx, {
        skuId,
        type: wish.type,
        amount: wish.price.amount,
        free: wish.free ?? false,
        snapshotId,
        snapshot,
        from,
        to: wish.to ?? null,
        actor,
        key,
        digest,
        now,
      });
      await written(ctx, tx, actor, product, { operation: 'price.add', before: null, after: row }, now);
      return { row, currency: sku.currency, replayed: false };
    }),
  );
}

/**
 * Ends a price now; one that has not begun never does. Ending twice is a success the second time too.
 *
 * Refuses: `sku_unknown`; `price_unknown`.
 */
export function endPrice(ctx: CoreContext, actor: string, skuId: number, priceId: number): Promise<Result<DatedPrice>> {
  return catchRefusal(() =>
    ctx.db.tx(async (tx) => {
      const { product, sku } = await lockForEdit(tx, skuId);
      const row = await readPrice(tx, skuId, priceId);
      if (row === null) {
        throw new RefusalError(refuse('price_unknown', `SKU ${skuId} has no price with the id ${priceId}.`));
      }
      const now = ctx.clock.now();
      if (row.effective_to !== null && row.effective_to <= now) return { row, currency: sku.currency };
      const end = row.effective_from > now ? row.effective_from : now;
      if (row.effective_to !== null && row.effective_to <= end) return { row, currency: sku.currency };
      const after = { ...row, effective_to: end };
      await endPriceRow(tx, priceId, now);
      await written(ctx, tx, actor, product, { operation: 'price.end', before: row, after }, now);
      return { row: after, currency: sku.currency };
    }),
  );
}

/** The prices of a SKU with a time, the newest first, before an id when given. Refuses: `sku_unknown`. */
export async function listPrices(
  ctx: CoreContext,
  skuId: number,
  before: number | null,
  limit: number,
): Promise<Result<readonly DatedPrice[]>> {
  const [sku] = await ctx.db.query<Pick<SkuRow, 'currency'>>({
    name: 'sku_currency',
    text: 'SELECT currency FROM core.sku WHERE id = $1',
    values: [skuId],
  });
  if (sku === undefined) return refuse('sku_unknown', `No SKU has the id ${skuId}.`);
  return ok((await listPriceRows(ctx.db, skuId, before, limit)).map((row) => ({ row, currency: sku.currency })));
}

async function written(
  ctx: CoreContext,
  tx: Tx,
  actor: string,
  product: ProductRow,
  change: { readonly operation: string; readonly before: PriceRow | null; readonly after: PriceRow },
  now: Date,
): Promise<void> {
  const { operation, before, after } = change;
  await logOperation(
    tx,
    { actor, entityType: 'sku', entityId: String(after.sku_id), operation, before: told(before), after: told(after) },
    now,
  );
  await noteEdit(ctx, tx, product, { actor, reason: operation });
  await refreshStats(tx, [product.id], now);
}

function told(row: PriceRow | null) {
  if (row === null) return null;
  const { id, type, amount, free, effective_from: from, effective_to: to, snapshot_id: snapshotId } = row;
  return { id, type, amount, free, from, to, snapshotId };
}

function whyNot(product: ProductRow, sku: SkuRow, wish: PriceWish, from: Date, now: Date): Refusal | null {
  if (wish.price.currency !== sku.currency) {
    return refuse('currency_mismatch', `SKU ${sku.id} is sold in ${sku.currency}, not ${wish.price.currency}.`);
  }
  if (wish.price.amount === 0 && wish.free !== true) {
    return refuse('amount_invalid', 'A price of 0 is nothing; say "free": true where that is meant.');
  }
  if (product.state === 'DELETED') return refuse('wrong_state', `Product ${product.id} is deleted.`);
  if (from < now) return refuseTime('from', 'lies in the past; leave it out to begin now');
  if (wish.to === undefined && wish.type !== 'standard')
    return refuseTime('to', `is missing: a ${wish.type} price ends`);
  if (wish.to !== undefined && wish.to <= from) return refuseTime('to', 'must lie after the beginning');
  return null;
}

function refuseTime(path: string, message: string): Refusal {
  return refuse('invalid_request', `The body field ${path} does not fit: ${message}.`, { errors: [{ path, message }] });
}

function clash(live: readonly PriceRow[], wish: PriceWish, from: Date): Refusal | null {
  if (live.length >= MAX_LIVE_PRICES) {
    return refuse('too_many_prices', `The SKU has ${live.length} prices in effect or to come; end some of them first.`);
  }
  const other = live.find((row) => row.type === wish.type && overlaps(row, wish, from));
  if (other === undefined) return null;
  const until = other.effective_to === null ? 'without end' : `until ${other.effective_to.toISOString()}`;
  return refuse(
    'price_overlap',
    `The ${wish.type} price ${other.id} holds from ${other.effective_from.toISOString()} ${until}; end it first, or choose another time.`,
  );
}

function overlaps(row: PriceRow, wish: PriceWish, from: Date): boolean {
  if (wish.type === 'standard') return row.effective_from.getTime() === from.getTime();
  const endsBefore = row.effective_to !== null && row.effective_to <= from;
  return !endsBefore && (wish.to === undefined || row.effective_from < wish.to);
}
