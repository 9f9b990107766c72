import type { Sql } from '../kernel/db/database.ts';
import { type DeductAt, STOCK_EVENTS } from './pieces.ts';
import type { StockRow } from './stock.store.ts';

export type MovementKind = 'inbound' | 'adjust';

export interface NewMovement {
  readonly skuId: number;
  readonly warehouseId: number;
  readonly kind: MovementKind;
  readonly quantity: number;
  readonly reason: string;
  readonly actor: string;
  readonly key: string;
  readonly now: Date;
}

export interface MovementRow {
  readonly id: number;
  readonly kind: string;
  readonly warehouse_id: number;
  readonly quantity: number;
  readonly reason: string;
}

export interface StockModeRow {
  readonly stock_mode: 'finite' | 'infinite' | 'codes';
  readonly deduct_at: DeductAt;
}

export async function readStockMode(sql: Sql, skuId: number): Promise<StockModeRow | null> {
  const rows = await sql.query<StockModeRow>({
    name: 'stock_mode',
    text: 'SELECT stock_mode, deduct_at FROM core.sku WHERE id = $1',
    values: [skuId],
  });
  return rows[0] ?? null;
}

/** An empty shelf for a SKU in a warehouse where it has none yet; false when there is no such warehouse. */
export async function ensureShelf(sql: Sql, skuId: number, warehouseId: number): Promise<boolean> {
  const rows = await sql.query({
    name: 'stock_shelf',
    text: `WITH place AS (SELECT id FROM core.warehouse WHERE id = $2), made AS (
        INSERT INTO core.stock (sku_id, warehouse_id, on_hand, initial) SELECT $1, id, 0, 0 FROM place
        ON CONFLICT (sku_id, warehouse_id) DO NOTHING
      ) SELECT id FROM place`,
    values: [skuId, warehouseId],
  });
  return rows.length === 1;
}

/**
 * The movement, if its key is new, and with it the stock, if it stays within 0 and `max`. `known`: the key was used
 * before. `changed` null with a new key: it would have left the bounds, and the caller rolls back.
 */
export async function moveStock(
  sql: Sql,
  movement: NewMovement,
  max: number,
): Promise<{ readonly known: boolean; readonly changed: StockRow | null }> {
  const rows = await sql.query<StockRow & { moved: number }>({
    name: 'stock_move',
    text: `WITH moved AS (
        INSERT INTO core.stock_movement (sku_id, warehouse_id, kind, quantity, reason, actor, idempotency_key, at)
        VALUES ($1, $9, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (sku_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING RETURNING id
      ), changed AS (
        UPDATE core.stock SET on_hand = on_hand + $3,
          inbound = inbound + CASE WHEN $2 = 'inbound' THEN $3 ELSE 0 END,
          adjusted = adjusted + CASE WHEN $2 = 'adjust' THEN $3 ELSE 0 END
        WHERE sku_id = $1 AND warehouse_id = $9 AND on_hand + $3 BETWEEN 0 AND $8 AND EXISTS (SELECT FROM moved)
        RETURNING sku_id, warehouse_id, on_hand, reserved, sold
      ), told AS (
        INSERT INTO core.event (type, machine, entity_id, from_state, to_state, actor, reason, at)
        SELECT '${STOCK_EVENTS}.' || $2, '${STOCK_EVENTS}', sku_id::text, 'counted', 'counted', $5, $4, $7 FROM changed
      ) SELECT (SELECT count(*) FROM moved) AS moved, changed.* FROM (SELECT 1) one LEFT JOIN changed ON true`,
    values: [
      movement.skuId,
      movement.kind,
      movement.quantity,
      movement.reason,
      movement.actor,
      movement.key,
      movement.now,
      max,
      movement.warehouseId,
    ],
  });
  const row = rows[0];
  if (row === undefined) throw new Error('broken invariant: a movement answered nothing');
  return { known: row.moved === 0, changed: row.sku_id === null ? null : row };
}

export async function readMovement(sql: Sql, skuId: number, key: string): Promise<MovementRow | null> {
  const rows = await sql.query<MovementRow>({
    name: 'stock_movement_read',
    text: 'SELECT id, kind, warehouse_id, quantity, reason FROM core.stock_movement WHERE sku_id = $1 AND idempotency_key = $2',
    values: [skuId, key],
  });
  return rows[0] ?? null;
}
