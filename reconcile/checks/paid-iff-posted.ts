import { raw, sql } from '../../core/kernel/db/fragment.ts';
import { defineCheck, found } from '../check.ts';
import { among, namesIn } from '../scope.ts';

/**
 * A pay order is paid exactly when one attempt succeeded, one capture is effective and one posting books it, and its
 * orders agree. Rows: pay order ids.
 */
export default defineCheck({
  id: 'paid-iff-posted',
  title: 'Paid means posted once',
  titleZh: '已支付必入账且仅一次',
  level: 'seconds',
  budgetMs: 5_000,
  covers:
    'Per pay order: paid ⇔ exactly one attempt at P8, one effective capture, one capture posting; no order of it disagrees; one with a deposit is paid with its balance.',
  mode: { by: 'dirty', kind: 'pay_order' },
  subjects: 'SELECT count(*) AS count FROM core.pay_order',
  violations: (db, scope) => {
    const names = namesIn(scope);
    // The orders of a balance are its deposit's.
    const parents =
      names === null
        ? raw('')
        : sql`AND pay_order_id IN (SELECT coalesce(first_id, id) FROM core.pay_order WHERE id = ANY(${names}::text[]))`;
    const only = (column: string) => among(column, names);
    return found(
      db,
      sql`WITH counted AS (
          SELECT po.id, po.stage, po.currency, po.payable, po.paid_at IS NOT NULL AS paid,
            coalesce(p.succeeded, 0) AS succeeded, coalesce(c.captured, 0) AS captured, coalesce(b.posted, 0) AS posted,
            coalesce(o.paid_orders, 0) AS paid_orders, coalesce(o.unpaid_orders, 0) AS unpaid_orders,
            coalesce(po.paid_at, po.created_at) AS at
          FROM core.pay_order po
          LEFT JOIN (SELECT pay_order_id, count(*) AS succeeded FROM core.payment
            WHERE (state = 'P8' OR EXISTS (SELECT FROM core.capture c WHERE c.payment_id = payment.id AND c.state = 'REVIVED'))
              ${only('pay_order_id')} GROUP BY 1) p ON p.pay_order_id = po.id
          LEFT JOIN (SELECT pay_order_id, count(*) AS captured FROM core.capture
            WHERE (kind = 'effective' OR state = 'REVIVED') ${only('pay_order_id')} GROUP BY 1) c ON c.pay_order_id = po.id
          LEFT JOIN (SELECT pay_order_id, count(*) AS posted FROM core.posting
            WHERE kind IN ('capture', 'late_capture_revived') ${only('pay_order_id')} GROUP BY 1) b ON b.pay_order_id = po.id
          LEFT JOIN (SELECT pay_order_id, count(*) FILTER (WHERE state IN ('O1', 'O2', 'O3')) AS paid_orders,
              count(*) FILTER (WHERE state IN ('O0', 'O4')) AS unpaid_orders FROM core.orders
            WHERE true ${parents} GROUP BY 1) o ON o.pay_order_id = coalesce(po.first_id, po.id)
          WHERE true ${only('po.id')}
        )
        SELECT id AS row_key, payable AS amount, currency,
          format('pay order %s is %s: %s successful attempts, %s effective captures, %s capture postings, %s paid and %s unpaid orders',
            id, CASE WHEN paid THEN 'paid' ELSE 'unpaid' END, succeeded, captured, posted, paid_orders, unpaid_orders) AS detail,
          to_jsonb(counted) - 'at' AS row, at AS first_bad_at
        FROM counted
        WHERE succeeded <> paid::integer OR captured <> paid::integer OR posted <> paid::integer
          OR (paid AND stage <> 'deposit' AND unpaid_orders > 0) OR (NOT paid AND paid_orders > 0)`,
    );
  },
});
