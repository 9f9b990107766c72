import type { Sql } from '../kernel/db/database.ts';
import { type Claim, perShelf } from './pieces.ts';

/*
 * A checkout of several orders moves the stock of one after the other: by shop and warehouse, and by SKU within. Every
 * other word of the stock, the sweep of expired reservations above all, locks its shelves by SKU alone, so the two could
 * wait for each other in a ring. Whoever is about to move the stock of several orders therefore locks all of it first,
 * in the one order that all have.
 */

/** Locks the shelves that these claims will be taken from; the caller then reserves order by order. */
export async function lockShelves(tx: Sql, claims: readonly Claim[]): Promise<void> {
  const shelves = perShelf(claims);
  await tx.query({
    name: 'stock_lock_shelves',
    text: `SELECT FROM core.stock s JOIN unnest($1::bigint[], $2::integer[]) AS w (sku_id, warehouse_id)
        ON w.sku_id = s.sku_id AND w.warehouse_id = s.warehouse_id
      ORDER BY s.sku_id, s.warehouse_id FOR UPDATE OF s`,
    values: [shelves.map((shelf) => shelf.skuId), shelves.map((shelf) => shelf.warehouseId)],
  });
}

/** Locks the reservations of these orders and the shelves that they count under, in the order that every word of the stock has. */
export async function lockPieces(tx: Sql, orderIds: readonly string[]): Promise<void> {
  await tx.query({
    name: 'stock_lock_orders',
    text: `WITH mine AS (
        SELECT id, sku_id, warehouse_id FROM core.reservation WHERE order_id = ANY($1) ORDER BY id FOR UPDATE
      ), shelves AS (SELECT DISTINCT sku_id, warehouse_id FROM mine)
      SELECT FROM core.stock s JOIN shelves w ON w.sku_id = s.sku_id AND w.warehouse_id = s.warehouse_id
      ORDER BY s.sku_id, s.warehouse_id FOR UPDATE OF s`,
    values: [orderIds],
  });
}
