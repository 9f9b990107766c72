import type { Sql } from '../kernel/db/database.ts';
import type { ShelfName } from './hot.port.ts';
import { STOCK_EVENTS } from './pieces.ts';

/** Pieces of one shelf that one order wants. */
export interface Want {
  readonly orderId: string;
  readonly quantity: number;
  /** It has no expiry once its order confirms it (deducted at order). */
  readonly forGood: boolean;
}

/**
 * Reserves for many orders in one statement and so in one commit: locks the row, accepts the longest prefix that fits,
 * inserts its reservations and changes the counters once. Until its order confirms it, a reservation lasts until `dueAt`.
 *
 * Returns how many of the first were accepted, and what is left on hand behind them.
 */
export async function reserveBatch(
  sql: Sql,
  { skuId, warehouseId }: ShelfName,
  wants: readonly Want[],
  dueAt: Date,
): Promise<{ readonly accepted: number; readonly left: number }> {
  const rows = await sql.query<{ accepted: number; left: number }>({
    name: 'stock_reserve_batch',
    text: `WITH wanted AS (
        SELECT order_id, quantity, for_good, sum(quantity) OVER (ORDER BY n) AS so_far
        FROM unnest($3::text[], $4::bigint[], $5::boolean[]) WITH ORDINALITY AS w (order_id, quantity, for_good, n)
      ), locked AS (
        SELECT * FROM core.stock WHERE sku_id = $1 AND warehouse_id = $2 FOR UPDATE
      ), fitting AS (
        SELECT w.order_id, w.quantity, w.for_good FROM wanted w, locked l WHERE w.so_far <= l.on_hand
      ), taken AS (
        SELECT count(*) AS orders, coalesce(sum(quantity), 0)::bigint AS pieces FROM fitting
      ), held AS (
        INSERT INTO core.reservation (order_id, sku_id, warehouse_id, quantity, state, expires_at, due_at)
        SELECT order_id, $1, $2, quantity, 'held', CASE WHEN NOT for_good THEN $6::timestamptz END, $6 FROM fitting
      ), set_aside AS (
        UPDATE core.stock s SET on_hand = l.on_hand - t.pieces, reserved = l.reserved + t.pieces, sold = l.sold,
          initial = l.initial, inbound = l.inbound, adjusted = l.adjusted
        FROM locked l, taken t WHERE s.sku_id = $1 AND s.warehouse_id = $2 AND t.pieces > 0
      ) SELECT t.orders AS accepted, (coalesce((SELECT on_hand FROM locked), 0) - t.pieces)::bigint AS left FROM taken t`,
    values: [
      skuId,
      warehouseId,
      wants.map((want) => want.orderId),
      wants.map((want) => want.quantity),
      wants.map((want) => want.forGood),
      dueAt,
    ],
  });
  const row = rows[0];
  if (row === undefined) throw new Error('broken invariant: a batch answered nothing');
  return row;
}

/**
 * The order is being written: what was reserved before it lasts as long as any other reservation from now on. Returns how
 * many are held; fewer than were reserved means that they ran out before.
 */
export async function confirmHeld(sql: Sql, orderId: string, expiresAt: Date): Promise<number> {
  const rows = await sql.query({
    name: 'stock_confirm',
    text: `UPDATE core.reservation SET expires_at = CASE WHEN expires_at IS NOT NULL THEN $2::timestamptz END,
        due_at = CASE WHEN expires_at IS NOT NULL THEN $2::timestamptz END
      WHERE order_id = $1 AND state = 'held' RETURNING id`,
    values: [orderId, expiresAt],
  });
  return rows.length;
}

/** Writes an event row for SKUs whose pieces came back without a move of an order: the checks and the shelf hear of it. */
export async function tellReleased(sql: Sql, skuIds: readonly number[], now: Date): Promise<void> {
  await sql.query({
    name: 'stock_tell_released',
    text: `INSERT INTO core.event (type, machine, entity_id, from_state, to_state, actor, reason, at)
      SELECT '${STOCK_EVENTS}.released', '${STOCK_EVENTS}', id::text, 'counted', 'counted', 'core', 'no order came of it', $2
      FROM unnest($1::bigint[]) AS id ORDER BY id`,
    values: [skuIds, now],
  });
}
