import { sql } from '../../core/kernel/db/fragment.ts';
import { defineCheck, found } from '../check.ts';
import { among, subjectsIn } from '../scope.ts';

/**
 * No piece of finite stock is lost or made: on hand + reserved + sold = what came in; reserved = open reservations;
 * sold = taken ones; what came in = the movements. Money: pieces that disagree at today's price. Rows: `sku:warehouse`.
 */
export default defineCheck({
  id: 'stock-conservation',
  title: 'No piece is lost or sold twice',
  titleZh: '库存守恒',
  level: 'seconds',
  budgetMs: 5_000,
  covers:
    'Per SKU and warehouse: on hand + reserved + sold = initial + inbound + adjusted = movements; reserved = held and sold = taken reservations.',
  mode: { by: 'dirty', kind: 'sku' },
  subjects: 'SELECT count(*) AS count FROM core.stock',
  violations: (db, scope) => {
    const only = (column: string) => among(column, subjectsIn(scope), 'bigint');
    return found(
      db,
      sql`WITH counted AS (
          SELECT s.sku_id, s.warehouse_id, k.currency, k.price, s.on_hand, s.reserved, s.sold,
            s.initial + s.inbound + s.adjusted AS came_in, coalesce(r.held, 0) AS held, coalesce(r.taken, 0) AS taken,
            coalesce(m.moved, 0) AS moved
          FROM core.stock s JOIN core.sku k ON k.id = s.sku_id
          LEFT JOIN (SELECT sku_id, warehouse_id, sum(quantity) FILTER (WHERE state = 'held') AS held,
              sum(quantity) FILTER (WHERE state = 'taken') AS taken FROM core.reservation
            WHERE state IN ('held', 'taken') ${only('sku_id')} GROUP BY 1, 2) r USING (sku_id, warehouse_id)
          LEFT JOIN (SELECT sku_id, warehouse_id, sum(quantity) AS moved FROM core.stock_movement
            WHERE true ${only('sku_id')} GROUP BY 1, 2) m USING (sku_id, warehouse_id)
          WHERE true ${only('s.sku_id')}
        ), off AS (
          SELECT *, greatest(abs(on_hand + reserved + sold - came_in), abs(reserved - held), abs(sold - taken),
            abs(came_in - moved), -least(on_hand, reserved, sold, 0)) AS pieces FROM counted
        )
        SELECT sku_id || ':' || warehouse_id AS row_key, pieces * price AS amount, currency,
          format('SKU %s in warehouse %s is off by %s: on hand %s, reserved %s (held %s), sold %s (taken %s), came in %s (moved %s)',
            sku_id, warehouse_id, pieces, on_hand, reserved, held, sold, taken, came_in, moved) AS detail,
          to_jsonb(off) AS row, ${scope.now}::timestamptz AS first_bad_at
        FROM off WHERE pieces <> 0`,
    );
  },
});
