import type { Sql } from '../../kernel/db/database.ts';
import { joinEffective, nextChange } from '../prices/effective.ts';

/**
 * Counts anew what is told of these products: price range at `now`, SKUs, stock, sales. The rows are locked in id order, so
 * that two who do it do not wait for each other in a ring. The cost is that of their SKUs, not of their orders.
 */
export async function refreshStats(sql: Sql, spuIds: readonly number[], now: Date): Promise<void> {
  if (spuIds.length === 0) return;
  await sql.query({
    name: 'stats_refresh',
    text: `INSERT INTO core.spu_stat AS s (spu_id, currency, min_price, max_price, skus, stock, sales, due_at, updated_at)
      SELECT w.id, f.currency, f.min_price, f.max_price, f.skus, f.stock, f.sold, f.due_at, $2
      FROM (SELECT DISTINCT unnest($1::bigint[]) AS id) w
      CROSS JOIN LATERAL (
        SELECT min(k.currency) AS currency, min(coalesce(e.amount, k.price)) AS min_price,
          max(coalesce(e.amount, k.price)) AS max_price, count(*) AS skus, coalesce(sum(i.on_hand), 0) AS stock,
          coalesce(sum(i.sold), 0) AS sold, min(${nextChange('$2')}) AS due_at
        FROM core.sku k ${joinEffective('$2')} LEFT JOIN LATERAL (
          SELECT sum(on_hand) AS on_hand, sum(sold) AS sold FROM core.stock WHERE sku_id = k.id
        ) i ON true WHERE k.spu_id = w.id
      ) f ORDER BY w.id
      ON CONFLICT (spu_id) DO UPDATE SET currency = excluded.currency, min_price = excluded.min_price,
        max_price = excluded.max_price, skus = excluded.skus, stock = excluded.stock,
        sales = excluded.sales + s.uncounted_sales, due_at = excluded.due_at, updated_at = excluded.updated_at`,
    values: [spuIds, now],
  });
}

/** At once; the rest is there for whoever comes next. */
const DUE_BATCH = 200;

/** Counts those anew whose price began or ended by itself; what somebody else counts right now is left to him. */
export async function refreshDueStats(sql: Sql, now: Date): Promise<void> {
  const due = await sql.query<{ spu_id: number }>({
    name: 'stats_due',
    text: `SELECT spu_id FROM core.spu_stat WHERE due_at <= $1 ORDER BY due_at LIMIT ${DUE_BATCH} FOR UPDATE SKIP LOCKED`,
    values: [now],
  });
  const ids = due.map((row) => row.spu_id);
  await refreshStats(sql, ids, now);
}

/** Adds what these paid orders sold of SKUs that are not counted, each order once. Its products have a row already. */
export async function countUncounted(sql: Sql, orderIds: readonly string[]): Promise<void> {
  if (orderIds.length === 0) return;
  await sql.query({
    name: 'stats_uncounted',
    text: `WITH fresh AS (
        INSERT INTO core.spu_sale (order_id, spu_id, pieces)
        SELECT l.order_id, k.spu_id, sum(l.quantity) FROM core.order_line l JOIN core.sku k ON k.id = l.sku_id
        WHERE l.order_id = ANY($1) AND k.stock_mode = 'infinite' GROUP BY l.order_id, k.spu_id
        ON CONFLICT DO NOTHING RETURNING spu_id, pieces
      ) UPDATE core.spu_stat s SET uncounted_sales = s.uncounted_sales + f.pieces, sales = s.sales + f.pieces
        FROM (SELECT spu_id, sum(pieces) AS pieces FROM fresh GROUP BY spu_id) f WHERE s.spu_id = f.spu_id`,
    values: [orderIds],
  });
}
