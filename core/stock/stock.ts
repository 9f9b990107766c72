import type { Sql, Tx } from '../kernel/db/database.ts';
import type { Refusal } from '../kernel/errors.ts';
import { type Lack, type Pieces, perSku, refuseLack } from './pieces.ts';
import {
  holdPieces,
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
 * Sets pieces aside for an order until `expiresAt`, all of them or none: on hand → reserved. The same SKU on several
 * lines adds up. One round trip; SKUs are locked in id order, so two orders never wait for each other in a ring.
 * SKUs with infinite stock do not belong here: they have no rows.
 *
 * Returns what lacks; empty means that all is reserved. With a lack nothing was written here, and the caller rolls back.
 */
export async function reserve(
  tx: Sql,
  orderId: string,
  items: readonly Pieces[],
  expiresAt: Date,
): Promise<readonly Lack[]> {
  const pieces = perSku(items);
  return pieces.length === 0 ? [] : reservePieces(tx, orderId, pieces, expiresAt);
}

/**
 * The order is paid: reserved → sold, all of it or nothing. Taking twice takes once.
 *
 * Returns false, and takes nothing, when a reservation had been released before: then the caller reserves again
 * (`holdUntil`), or releases the rest and refunds. `single`: the order has one line, which is cheaper.
 */
export async function take(tx: Sql, orderId: string, single = false): Promise<boolean> {
  return (single && (await takeOne(tx, orderId))) || takePieces(tx, orderId);
}

/** Gives back what is still held: reserved → on hand, exactly once however often it is called. Returns the pieces. */
export async function release(tx: Sql, orderId: string): Promise<number> {
  return releasePieces(tx, orderId);
}

/**
 * What was paid will not be delivered and has not left (回补库存): sold → on hand, exactly once however often it is called.
 * Returns the pieces.
 */
export async function putBack(tx: Sql, orderId: string): Promise<number> {
  return putBackPieces(tx, orderId);
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

/** Stock by SKU id, of those that have any rows. */
export async function stockOf(sql: Sql, skuIds: readonly number[]): Promise<ReadonlyMap<number, StockView>> {
  const rows = skuIds.length === 0 ? [] : await readStock(sql, skuIds);
  return new Map(rows.map((row) => [row.sku_id, { onHand: row.on_hand, reserved: row.reserved, sold: row.sold }]));
}
