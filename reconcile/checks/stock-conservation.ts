import { raw, sql } from '../../core/kernel/db/fragment.ts';
import { defineCheck, found } from '../check.ts';
import { among, subjectsIn } from '../scope.ts';

/**
 * No piece of finite stock is lost or made: on hand + reserved + sold = what came in; reserved = open reservations;
 * sold = taken ones less what came back; what came in = the movements. Money: pieces that disagree at today's price. Rows:
 * `sku:warehouse`.
 *
 * What a SKU sold long ago is folded into one sum, so what a touched SKU costs does not follow its history; a full audit
 * reads all of it, and holds the sum against it.
 */
export default defineCheck({
  id: 'stock-conservation',
  title: 'No piece is lost or sold twice',
  titleZh: '库存守恒',
  level: 'seconds',
  budgetMs: 5_000,
  covers:
    'Per SKU and warehouse: on hand + reserved + sold = initial + inbound + adjusted = movements; reserved = held and sold = taken reservations, less what came back.',
  mode: { by: 'dirty', kind: 'sku' },
  subjects: 'SELECT count(*) AS count FROM core.stock',
  violations: (db, scope) => {
    const only = (column: string) => among(column, subjectsIn(scope), 'bigint');
    const whole = scope.kind === 'all';
    return found(
      db,
      sql`WITH counted AS (
          SELECT s.sku_id, s.warehouse_id, k.currency, k.price, s.on_hand, s.reserved, s.sold,
            s.initial + s.inbound + s.adjusted AS came_in, coalesce(r.held, 0) AS held,
            coalesce(r.taken, 0) + ${raw(whole ? '0' : 'coalesce(f.pieces, 0)')} AS taken,
            ${raw(whole ? 'coalesce(r.folded, 0) - coalesce(f.pieces, 0)' : '0')} AS misfolded, coalesce(m.moved, 0) AS moved
          FROM core.stock s JOIN core.sku k ON k.id = s.sku_id
          LEFT JOIN core.stock_folded f USING (sku_id, warehouse_id)
          LEFT JOIN (SELECT sku_id, warehouse_id, sum(quantity - returned) FILTER (WHERE state = 'held') AS held,
              sum(quantity - returned) FILTER (WHERE state = 'taken') AS taken,
              sum(quantity - returned) FILTER (WHERE folded) AS folded FROM core.reservation
            WHERE state IN ('held', 'taken') ${raw(whole ? '' : 'AND NOT folded')} ${only('sku_id')} GROUP BY 1, 2) r
            USING (sku_id, warehouse_id)
          LEFT JOIN (SELECT sku_id, warehouse_id, sum(quantity) AS moved FROM core.stock_movement
            WHERE kind <> 'restock' ${only('sku_id')} GROUP BY 1, 2) m USING (sku_id, warehouse_id)
          WHERE true ${only('s.sku_id')}
        ), off AS (
          SELECT *, greatest(abs(on_hand + reserved + sold - came_in), abs(reserved - held), abs(sold - taken),
            abs(came_in - moved), abs(misfolded), -least(on_hand, reserved, sold, 0)) AS pieces FROM counted
        )
        SELECT sku_id || ':' || warehouse_id AS row_key, pieces * price AS amount, currency,
          format('SKU %s in warehouse %s is off by %s: on hand %s, reserved %s (held %s), sold %s (taken %s, misfolded %s), came in %s (moved %s)',
            sku_id, warehouse_id, pieces, on_hand, reserved, held, sold, taken, misfolded, came_in, moved) AS detail,
          to_jsonb(off) AS row, ${scope.now}::timestamptz AS first_bad_at
        FROM off WHERE pieces <> 0`,
    );
  },
});
