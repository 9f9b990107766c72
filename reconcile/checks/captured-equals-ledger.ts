import { type Fragment, raw, sql } from '../../core/kernel/db/fragment.ts';
import { defineCheck, found } from '../check.ts';
import { NO_PAY_ORDER } from '../dirty.ts';
import { among, subjectsIn } from '../scope.ts';

/**
 * What channels captured for a pay order is what it was to pay, and what the ledger booked for it; late captures lie in
 * suspense in full. Rows: `payOrder:currency`, or `none:currency` for captures booked for no pay order.
 */
export default defineCheck({
  id: 'captured-equals-ledger',
  title: 'Captured money is booked money',
  titleZh: '收款与账本一致',
  level: 'seconds',
  budgetMs: 5_000,
  covers:
    'Per pay order and currency: effective and revived captures = its payable = clearing booked; late captures = clearing booked = suspense booked.',
  mode: { by: 'dirty', kind: 'pay_order' },
  subjects: 'SELECT count(*) AS count FROM core.pay_order',
  violations: (db, scope) => {
    const payOrders = subjectsIn(scope);
    return found(
      db,
      sql`WITH captured AS (
          SELECT pay_order_id, currency, coalesce(sum(amount) FILTER (WHERE kind = 'effective'), 0) AS effective,
            coalesce(sum(amount) FILTER (WHERE kind = 'late'), 0) AS late,
            coalesce(sum(amount) FILTER (WHERE state = 'REVIVED'), 0) AS revived, min(created_at) AS at
          FROM core.capture WHERE true ${among('pay_order_id', payOrders)} GROUP BY pay_order_id, currency
        ), booked AS (
          SELECT coalesce(p.pay_order_id, ${NO_PAY_ORDER}) AS pay_order_id, e.currency,
            coalesce(sum(e.amount) FILTER (WHERE a.kind = 'clearing' AND p.kind = 'capture'), 0) AS effective,
            coalesce(sum(e.amount) FILTER (WHERE a.kind = 'clearing' AND p.kind = 'late_capture'), 0) AS late,
            coalesce(-sum(e.amount) FILTER (WHERE a.kind = 'suspense' AND p.kind = 'late_capture'), 0) AS suspense,
            min(p.at) AS at
          FROM core.posting p JOIN core.entry e ON e.posting_id = p.id JOIN core.account a ON a.id = e.account_id
          WHERE p.kind IN ('capture', 'late_capture') ${amongOrNone('p.pay_order_id', payOrders)} GROUP BY 1, 2
        ), asked AS (
          SELECT id AS pay_order_id, currency, payable, paid_at AS at FROM core.pay_order
          WHERE paid_at IS NOT NULL ${among('id', payOrders)}
        ), compared AS (
          SELECT pay_order_id, currency, coalesce(c.effective, 0) AS captured, coalesce(b.effective, 0) AS booked,
            coalesce(c.revived, 0) AS revived, coalesce(k.payable, 0) AS payable, coalesce(c.late, 0) AS late, coalesce(b.late, 0) AS late_booked,
            coalesce(b.suspense, 0) AS suspense, least(c.at, b.at, k.at) AS at
          FROM captured c FULL JOIN booked b USING (pay_order_id, currency) FULL JOIN asked k USING (pay_order_id, currency)
        )
        SELECT pay_order_id || ':' || currency AS row_key, currency,
          greatest(abs(captured - booked), abs(captured + revived - payable), abs(late - late_booked), abs(late - suspense)) AS amount,
          format('pay order %s: captured %s, booked %s, payable %s; late %s, booked %s, in suspense %s %s',
            pay_order_id, captured, booked, payable, late, late_booked, suspense, currency) AS detail,
          to_jsonb(compared) - 'at' AS row, at AS first_bad_at
        FROM compared WHERE captured <> booked OR captured + revived <> payable OR late <> late_booked OR late <> suspense`,
    );
  },
});

/** The same, and what names no pay order, where that is asked for. */
function amongOrNone(column: string, payOrders: readonly string[] | null): Fragment {
  if (payOrders === null) return raw('');
  const none = raw(payOrders.includes(NO_PAY_ORDER) ? `OR ${column} IS NULL` : '');
  return sql`AND (${raw(column)} = ANY(${payOrders}::text[]) ${none})`;
}
