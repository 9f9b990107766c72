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
      SELECT w.id, f.currency, f.min_price, f.max_price, f.skus, f.stock, f.sold + coalesce(o.uncounted_sales, 0), f.due_at, $2
      FROM (SELECT DISTINCT unnest($1::bigint[]) AS id) w LEFT JOIN core.spu_stat o ON o.spu_id = w.id
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
        sales = excluded.sales, due_at = excluded.due_at, updated_at = excluded.updated_at`,
    values: [spuIds, now],
  });
}
