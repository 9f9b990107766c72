import type { Sql, Tx } from '../kernel/db/database.ts';
import { ok, type Refusal, type Result, refuse } from '../kernel/errors.ts';
import { readStockMode } from './adjust.store.ts';
import { freeCodesOf } from './codes.store.ts';
import { type Claim, type DeductAt, type Lack, perShelf, refuseLack } from './pieces.ts';
import {
  holdPieces,
  type OnWait,
  planPieces,
  putBackPieces,
  readStock,
  releaseDue,
  releasePieces,
  reservePieces,
  takeOne,
  takePieces,
} from './stock.store.ts';

/** What one SKU's stock looks like to the shop. */
export interface StockView {
  readonly onHand: number;
  readonly reserved: number;
  readonly sold: number;
}

/**
 * Sets pieces aside for an order, all of them or none: on hand → reserved, until `expiresAt`, or for good where the SKU is
 * deducted when ordered. What is deducted at payment is only written down: nothing is held of it, and `take` says whether
 * it is there. The same SKU on several lines adds up. One round trip; stock rows are locked in id order, so two orders
 * never wait for each other in a ring. SKUs with infinite stock do not belong here: they have no rows.
 *
 * Returns what lacks; empty means that all is reserved. With a lack nothing was set aside here, and the caller rolls back.
 * `onWait` hears how long the row of an order with one SKU was waited for.
 */
export async function reserve(
  tx: Sql,
  orderId: string,
  items: readonly Claim[],
  expiresAt: Date,
  onWait?: OnWait,
): Promise<readonly Lack[]> {
  const claims = perShelf(items);
  const now = claims.filter((claim) => claim.deductAt !== 'payment');
  const later = claims.filter((claim) => claim.deductAt === 'payment');
  const [lacks] = await Promise.all([
    now.length === 0 ? [] : reservePieces(tx, orderId, now, expiresAt, onWait),
    later.length === 0 ? undefined : planPieces(tx, orderId, later),
  ]);
  return lacks;
}

/**
 * The order is paid: reserved → sold, all of it or nothing. Taking twice takes once.
 *
 * Returns false, and takes nothing, when a reservation had been released before, or was only planned (deducted at payment):
 * then the caller reserves (`holdUntil`) and takes again, or releases the rest and refunds. `single`: the order has one line, which is cheaper.
 */
export async function take(tx: Sql, orderId: string, single = false): Promise<boolean> {
  return (single && (await takeOne(tx, orderId))) || takePieces(tx, orderId);
}

/**
 * Gives back what is still held: reserved → on hand, exactly once however often it is called; what was only planned is
 * planned no more. Returns the pieces.
 */
export async function release(tx: Sql, orderId: string): Promise<number> {
  return releasePieces(tx, orderId);
}

/**
 * What was paid will not be delivered and has not left (回补库存): sold → on hand, exactly once however often it is called.
 * Codes that were taken for it, and that nobody has seen, are free again. Returns the pieces.
 */
export async function putBack(tx: Sql, orderId: string): Promise<number> {
  const [pieces] = await Promise.all([putBackPieces(tx, orderId), freeCodesOf(tx, orderId)]);
  return pieces;
}

/**
 * Makes sure that all of the order is held until `until` or later: what is held is renewed, what had expired is reserved
 * again. For a pay (a live attempt keeps its reservation) and for a revival.
 *
 * Returns null, or `sold_out` when what had expired is no longer there; then nothing was changed.
 */
export async function holdUntil(tx: Sql, orderId: string, until: Date): Promise<Refusal | null> {
  const lacks = await holdPieces(tx, orderId, until);
  return lacks.length === 0 ? null : refuseLack(lacks);
}

/**
 * Releases reservations whose time is over, the oldest first, at most `limit` (1..1000) in one go: the repair of
 * abandoned ones. Returns how many pieces came back and of how many orders.
 */
export async function releaseExpired(
  tx: Tx,
  now: Date,
  limit: number,
): Promise<{ readonly pieces: number; readonly orders: number }> {
  return releaseDue(tx, now, Math.max(1, Math.min(limit, 1000)));
}

/** Stock by SKU id over all warehouses, of those that have any rows. */
export async function stockOf(sql: Sql, skuIds: readonly number[]): Promise<ReadonlyMap<number, StockView>> {
  const rows = skuIds.length === 0 ? [] : await readStock(sql, skuIds);
  const sums = new Map<number, StockView>();
  for (const row of rows) {
    const sum = sums.get(row.sku_id) ?? { onHand: 0, reserved: 0, sold: 0 };
    sums.set(row.sku_id, {
      onHand: sum.onHand + row.on_hand,
      reserved: sum.reserved + row.reserved,
      sold: sum.sold + row.sold,
    });
  }
  return sums;
}

/** A SKU's stock over all warehouses and in each. */
export interface SkuStock {
  readonly skuId: number;
  /** False: infinite, so that no warehouse holds any. */
  readonly counted: boolean;
  readonly deductAt: DeductAt;
  readonly stock: StockView;
  readonly warehouses: readonly (StockView & { readonly warehouseId: number })[];
}

/** Refuses: `sku_unknown`. */
export async function readSkuStock(sql: Sql, skuId: number): Promise<Result<SkuStock>> {
  const [how, rows] = await Promise.all([readStockMode(sql, skuId), readStock(sql, [skuId])]);
  if (how === null) return refuse('sku_unknown', `No SKU has the id ${skuId}.`);
  const warehouses = rows.map(({ warehouse_id: warehouseId, on_hand: onHand, reserved, sold }) => ({
    warehouseId,
    onHand,
    reserved,
    sold,
  }));
  const total = (of: (shelf: StockView) => number): number => warehouses.reduce((sum, shelf) => sum + of(shelf), 0);
  return ok({
    skuId,
    counted: how.stock_mode !== 'infinite',
    deductAt: how.deduct_at,
    stock: { onHand: total((s) => s.onHand), reserved: total((s) => s.reserved), sold: total((s) => s.sold) },
    warehouses,
  });
}
