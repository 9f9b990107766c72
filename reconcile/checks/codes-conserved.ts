import { raw, sql } from '../../core/kernel/db/fragment.ts';
import { defineCheck, found } from '../check.ts';
import { among, subjectsIn } from '../scope.ts';

/**
 * A pool of codes and the counters of its SKU say the same: what is on hand or set aside has a free code, and in a full
 * audit also: every piece that ever came in is one code, and no order has more codes than it has bought. Money: pieces that
 * disagree at today's price. Rows: `sku:warehouse`.
 */
export default defineCheck({
  id: 'codes-conserved',
  title: 'Every piece on sale of a SKU with codes has one, and none was given twice',
  titleZh: '卡密守恒',
  level: 'seconds',
  budgetMs: 5_000,
  covers:
    'Per SKU with codes and warehouse: free codes ≥ on hand + reserved; in a full audit also codes = pieces that came in, and codes of an order ≤ its pieces.',
  mode: { by: 'dirty', kind: 'sku' },
  subjects: `SELECT count(*) AS count FROM core.stock s JOIN core.sku k ON k.id = s.sku_id WHERE k.stock_mode = 'codes'`,
  violations: (db, scope) => {
    const only = (column: string) => among(column, subjectsIn(scope), 'bigint');
    // What was delivered grows for ever: only a full audit reads it.
    const whole = scope.kind === 'all' ? sql`` : sql`AND false`;
    return found(
      db,
      sql`WITH shelf AS (
          SELECT s.sku_id, s.warehouse_id, k.currency, k.price, s.on_hand + s.reserved AS wanted,
            s.initial + s.inbound + s.adjusted AS came_in
          FROM core.stock s JOIN core.sku k ON k.id = s.sku_id AND k.stock_mode = 'codes' WHERE true ${only('s.sku_id')}
        ), free AS (
          SELECT sku_id, warehouse_id, count(*) AS free FROM core.stock_code
          WHERE state = 'free' ${only('sku_id')} GROUP BY 1, 2
        ), every AS (
          SELECT sku_id, warehouse_id, count(*) AS codes FROM core.stock_code WHERE true ${whole} GROUP BY 1, 2
        ), given AS (
          SELECT c.order_id, c.sku_id, c.warehouse_id, count(*) AS codes FROM core.stock_code c
          WHERE c.order_id IS NOT NULL ${whole} GROUP BY 1, 2, 3
        ), too_many AS (
          SELECT g.sku_id, g.warehouse_id, sum(greatest(0, g.codes - coalesce(r.bought, 0))) AS codes
          FROM given g LEFT JOIN LATERAL (SELECT sum(quantity) AS bought FROM core.reservation r
            WHERE r.order_id = g.order_id AND r.sku_id = g.sku_id AND r.warehouse_id = g.warehouse_id AND r.state = 'taken') r ON true
          GROUP BY 1, 2
        ), off AS (
          SELECT shelf.*, coalesce(free.free, 0) AS free, every.codes, coalesce(too_many.codes, 0) AS given_twice,
            greatest(wanted - coalesce(free.free, 0), ${raw(scope.kind === 'all' ? 'abs(came_in - coalesce(every.codes, 0))' : '0')},
              coalesce(too_many.codes, 0)) AS pieces
          FROM shelf LEFT JOIN free USING (sku_id, warehouse_id) LEFT JOIN every USING (sku_id, warehouse_id)
            LEFT JOIN too_many USING (sku_id, warehouse_id)
        )
        SELECT sku_id || ':' || warehouse_id AS row_key, pieces * price AS amount, currency,
          format('SKU %s in warehouse %s: %s codes disagree: %s pieces are on hand or set aside and %s codes are free; %s pieces came in; %s codes too many were given',
            sku_id, warehouse_id, pieces, wanted, free, came_in, given_twice) AS detail,
          to_jsonb(off) AS row, ${scope.now}::timestamptz AS first_bad_at
        FROM off WHERE pieces > 0`,
    );
  },
});
