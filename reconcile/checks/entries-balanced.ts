import { type Fragment, raw, sql } from '../../core/kernel/db/fragment.ts';
import { defineCheck, found } from '../check.ts';
import { among, type Scope, subjectsIn, within } from '../scope.ts';

/** A posting's entries sum to 0 in each currency, and each entry is in its account's currency. Rows: `posting:currency`. */
export default defineCheck({
  id: 'entries-balanced',
  title: 'Every posting balances',
  titleZh: '分录借贷平衡',
  level: 'seconds',
  budgetMs: 5_000,
  covers: 'The entries of every posting sum to 0 per currency, and no entry is in another currency than its account.',
  mode: { by: 'watermark' },
  subjects: 'SELECT count(*) AS count FROM core.posting',
  violations: (db, scope) =>
    found(
      db,
      sql`SELECT off.posting_id || ':' || off.currency AS row_key, off.total AS amount, off.currency,
          format('posting %s (%s %s) is off by %s %s', p.id, p.kind, p.reference, off.total, off.currency) AS detail,
          jsonb_build_object('posting', p.id, 'kind', p.kind, 'reference', p.reference, 'payOrder', p.pay_order_id,
            'entries', off.entries) AS row, off.first_at AS first_bad_at
        FROM (${offBalance(scope)}) off
        CROSS JOIN LATERAL (SELECT * FROM core.posting WHERE id = off.posting_id LIMIT 1) p
        UNION ALL
        SELECT e.posting_id || ':' || e.currency || ':' || e.id, e.amount, e.currency,
          format('entry %s is %s %s in the account %s, which holds %s', e.id, e.amount, e.currency, a.id, a.currency),
          jsonb_build_object('posting', e.posting_id, 'entry', e.id, 'account', a.id), e.at
        FROM core.entry e JOIN core.account a ON a.id = e.account_id
        WHERE e.currency <> a.currency ${within(scope, 'e.xid', 'e.id')} ${among('e.posting_id', subjectsIn(scope), 'bigint')}`,
    ),
});

/**
 * Postings whose entries do not sum to 0. Of a stretch of the journal, those that it touches, each looked up by itself: a
 * planner that must guess how many there are reads all entries instead.
 */
function offBalance(scope: Scope): Fragment {
  const sums = 'e.currency, sum(e.amount) AS total, count(*) AS entries, min(e.at) AS first_at';
  if (scope.kind === 'range') {
    return sql`SELECT touched.posting_id, of_posting.* FROM (
        SELECT DISTINCT posting_id FROM core.entry WHERE true ${within(scope, 'xid', 'id')}) touched
      CROSS JOIN LATERAL (SELECT ${raw(sums)} FROM core.entry e WHERE e.posting_id = touched.posting_id
        GROUP BY e.currency HAVING sum(e.amount) <> 0) of_posting`;
  }
  return sql`SELECT e.posting_id, ${raw(sums)} FROM core.entry e WHERE true ${among('e.posting_id', subjectsIn(scope), 'bigint')}
    GROUP BY e.posting_id, e.currency HAVING sum(e.amount) <> 0`;
}
