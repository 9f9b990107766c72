import type { Sql } from '../kernel/db/database.ts';
import { STOCK_EVENTS } from './pieces.ts';

/** Goods of one order that came back and can be sold again. */
export interface Restock {
  readonly orderId: string;
  readonly skuId: number;
  /** Pieces, more than 0. */
  readonly quantity: number;
  /** Of what brings them back, such as the refund line: the same one counts once. */
  readonly key: string;
  readonly actor: string;
  readonly reason: string;
  readonly now: Date;
}

/** What an order has bought of a SKU. */
export interface TakenRow {
  readonly id: number;
  readonly warehouse_id: number;
  readonly stock_mode: 'finite' | 'infinite' | 'codes';
  /** Less what came back before. */
  readonly pieces: number;
  readonly folded: boolean;
  /** Of these, the ones for which no code was delivered. */
  readonly undelivered: number;
}

/** Locks what an order has taken of a SKU; null when nothing is taken, as of a SKU that is not counted. */
export async function lockTaken(sql: Sql, orderId: string, skuId: number): Promise<TakenRow | null> {
  const rows = await sql.query<TakenRow>({
    name: 'stock_lock_taken',
    text: `SELECT r.id, r.warehouse_id, k.stock_mode, r.quantity - r.returned AS pieces, r.folded,
        greatest(0, r.quantity - r.returned - (SELECT count(*) FROM core.stock_code c
          WHERE c.order_id = r.order_id AND c.sku_id = r.sku_id AND c.warehouse_id = r.warehouse_id))::bigint AS undelivered
      FROM core.reservation r JOIN core.sku k ON k.id = r.sku_id
      WHERE r.order_id = $1 AND r.sku_id = $2 AND r.state = 'taken' ORDER BY r.id LIMIT 1 FOR UPDATE OF r`,
    values: [orderId, skuId],
  });
  return rows[0] ?? null;
}

/** `known`: the key counted before. `back` false with a new key: there are fewer; the caller rolls back. */
export async function restockPieces(
  sql: Sql,
  taken: TakenRow,
  goods: Restock,
): Promise<{ readonly known: boolean; readonly back: boolean }> {
  const rows = await sql.query<{ moved: number; back: number }>({
    name: 'stock_restock',
    text: `WITH moved AS (
        INSERT INTO core.stock_movement (sku_id, warehouse_id, kind, quantity, reason, actor, idempotency_key, at)
        VALUES ($2, $3, 'restock', $4, $5, $6, $7, $8)
        ON CONFLICT (sku_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING RETURNING quantity
      ), given AS (
        UPDATE core.reservation r SET returned = r.returned + moved.quantity FROM moved
        WHERE r.id = $1 AND r.state = 'taken' AND r.quantity - r.returned >= moved.quantity RETURNING r.folded, moved.quantity
      ), back AS (
        UPDATE core.stock s SET on_hand = s.on_hand + given.quantity, sold = s.sold - given.quantity
        FROM given WHERE s.sku_id = $2 AND s.warehouse_id = $3 RETURNING s.sku_id
      ), unfolded AS (
        UPDATE core.stock_folded f SET pieces = f.pieces - given.quantity
        FROM given, back WHERE given.folded AND f.sku_id = $2 AND f.warehouse_id = $3
      ), told AS (
        INSERT INTO core.event (type, machine, entity_id, from_state, to_state, actor, reason, at)
        SELECT '${STOCK_EVENTS}.restock', '${STOCK_EVENTS}', sku_id::text, 'counted', 'counted', $6, $5, $8 FROM back
      ) SELECT (SELECT count(*) FROM moved) AS moved, (SELECT count(*) FROM back) AS back`,
    values: [
      taken.id,
      goods.skuId,
      taken.warehouse_id,
      goods.quantity,
      goods.reason,
      goods.actor,
      `restock:${goods.key}`,
      goods.now,
    ],
  });
  const row = rows[0];
  return { known: row?.moved === 0, back: row?.back === 1 };
}
