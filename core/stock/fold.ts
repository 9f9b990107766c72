import type { Sql } from '../kernel/db/database.ts';

/** So many of the newest taken reservations stay unfolded: what a check of a touched SKU reads at the most. */
const KEEP = 5_000;

/**
 * Folds what was sold before the newest `keep` sales into one sum per SKU and warehouse, at most `limit` reservations in one
 * go, so that the check of a hot SKU's stock does not read its history. A folded reservation stays as it is and can come
 * back; what comes back leaves the sum. No stock row is locked for it. Returns how many were folded.
 */
export async function foldSold(sql: Sql, limit: number, keep = KEEP): Promise<number> {
  const rows = await sql.query<{ folded: number }>({
    name: 'stock_fold',
    text: `WITH line AS (
        SELECT id FROM core.reservation WHERE state = 'taken' AND NOT folded ORDER BY id DESC OFFSET $2 LIMIT 1
      ), old AS (
        SELECT id FROM core.reservation WHERE state = 'taken' AND NOT folded AND id <= (SELECT id FROM line)
        ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED
      ), folded AS (
        UPDATE core.reservation r SET folded = true FROM old WHERE r.id = old.id
        RETURNING r.sku_id, r.warehouse_id, r.quantity - r.returned AS pieces
      ), summed AS (
        INSERT INTO core.stock_folded AS f (sku_id, warehouse_id, pieces)
        SELECT sku_id, warehouse_id, sum(pieces)::bigint FROM folded GROUP BY 1, 2 ORDER BY 1, 2
        ON CONFLICT (sku_id, warehouse_id) DO UPDATE SET pieces = f.pieces + excluded.pieces
      ) SELECT count(*) AS folded FROM folded`,
    values: [limit, keep],
  });
  return rows[0]?.folded ?? 0;
}
