import { sql } from '../../core/kernel/db/fragment.ts';
import { defineCheck, found } from '../check.ts';
import { among, namesIn } from '../scope.ts';

/**
 * What a pay order's coupon and points say here is what the outside service has acknowledged: used means deducted there by
 * the attempt that paid; given back means that it holds nothing any more; and an attempt that is over holds nothing. The
 * coupon is its user's, and takes off what the pay order says. Rows: pay order ids.
 */
export default defineCheck({
  id: 'marketing-agrees',
  title: 'Coupons and points are used here as at marketing',
  titleZh: '券与积分两侧一致',
  level: 'seconds',
  budgetMs: 5_000,
  covers:
    'Per pay order with a coupon or points: used ⇔ deducted (or being rolled back) by the attempt that paid; unpaid without a live attempt ⇒ nothing is deducted; owner, discount and points agree; no more points came back than were spent.',
  mode: { by: 'dirty', kind: 'pay_order' },
  subjects: 'SELECT count(*) AS count FROM core.pay_order WHERE coupon_code IS NOT NULL OR points > 0',
  violations: (db, scope) => {
    const only = (column: string) => among(column, namesIn(scope));
    return found(
      db,
      sql`WITH used AS (
          SELECT po.id, po.currency, po.discount, po.user_id, po.points, po.paid_at IS NOT NULL AS paid, po.coupon_code,
            po.discount - po.points_amount AS coupon_part, coalesce(po.paid_at, po.created_at) AS at,
            c.state AS coupon_state, c.discount AS coupon_discount, c.user_id AS coupon_user,
            h.state AS hold_state, h.points AS held,
            coalesce((SELECT sum(m.points) FROM core.marketing_return m WHERE m.pay_order_id = po.id), 0) AS came_back,
            EXISTS (SELECT FROM core.payment p WHERE p.pay_order_id = po.id AND p.state IN ('P2', 'P4', 'P5', 'P7')) AS live
          FROM core.pay_order po
          LEFT JOIN core.coupon c ON c.code = po.coupon_code AND c.pay_order_id = po.id
          LEFT JOIN core.points_hold h ON h.pay_order_id = po.id
          WHERE (po.coupon_code IS NOT NULL OR po.points > 0) ${only('po.id')}
        ), asked AS (
          SELECT d.pay_order_id, d.kind, count(*) FILTER (WHERE d.state = 'DEDUCTED') AS deducted,
            count(*) FILTER (WHERE d.state IN ('DEDUCTED', 'ROLLBACK_PENDING', 'ROLLED_BACK') AND p.state = 'P8') AS by_payer,
            max(d.amount) FILTER (WHERE d.state = 'DEDUCTED') AS amount
          FROM core.deduction d JOIN core.payment p ON p.id = d.payment_id
          WHERE true ${only('d.pay_order_id')} GROUP BY 1, 2
        ), both_sides AS (
          SELECT u.*, coalesce(c.deducted, 0) AS coupon_deducted, coalesce(c.by_payer, 0) AS coupon_by_payer,
            c.amount AS coupon_asked, coalesce(q.deducted, 0) AS points_deducted, coalesce(q.by_payer, 0) AS points_by_payer,
            q.amount AS points_asked
          FROM used u LEFT JOIN asked c ON c.pay_order_id = u.id AND c.kind = 'coupon'
          LEFT JOIN asked q ON q.pay_order_id = u.id AND q.kind = 'points'
        ), judged AS (
          SELECT *, CASE
            WHEN coupon_code IS NOT NULL AND paid AND coupon_state = 'used' AND coupon_by_payer <> 1 THEN 'a used coupon was not deducted'
            WHEN coupon_code IS NOT NULL AND paid AND coupon_state IS DISTINCT FROM 'used' AND coupon_deducted > 0 THEN 'a deducted coupon is not used'
            WHEN points > 0 AND paid AND hold_state IS DISTINCT FROM 'used' THEN 'paid with points that are not used'
            WHEN points > 0 AND paid AND points_by_payer <> 1 THEN 'used points were not deducted'
            WHEN NOT paid AND NOT live AND coupon_deducted + points_deducted > 0 THEN 'an attempt that is over is still deducted'
            WHEN coupon_deducted > 0 AND coupon_asked <> coupon_part THEN 'the coupon was deducted with another amount'
            WHEN points_deducted > 0 AND points_asked <> points THEN 'the points were deducted with another number'
            WHEN coupon_state IN ('locked', 'used') AND coupon_discount <> coupon_part THEN 'the coupon takes off something else'
            WHEN coupon_state IN ('locked', 'used') AND coupon_user <> user_id THEN 'the coupon is another user''s'
            WHEN held <> points THEN 'other points are held'
            WHEN came_back > points THEN 'more points came back than were spent'
          END AS fault FROM both_sides
        )
        SELECT id AS row_key, discount AS amount, currency,
          format('pay order %s: %s (coupon %s: %s, deducted %s times; %s points: %s, deducted %s times, %s came back)',
            id, fault, coalesce(coupon_code, 'none'), coalesce(coupon_state, '-'), coupon_deducted, points,
            coalesce(hold_state, '-'), points_deducted, came_back) AS detail,
          to_jsonb(judged) - 'at' AS row, at AS first_bad_at
        FROM judged WHERE fault IS NOT NULL`,
    );
  },
});
