import { sql } from '../../core/kernel/db/fragment.ts';
import { defineCheck, found } from '../check.ts';
import { among, namesIn, within } from '../scope.ts';

/**
 * Each entry of an account that limits its balance follows on the one before it: its number is the next, and the balance
 * after it is the one before less what it took, never below the account's floor. Rows: entry ids.
 */
export default defineCheck({
  id: 'balance-after',
  title: 'Each balance follows from the one before',
  titleZh: '余额逐笔连续',
  level: 'seconds',
  budgetMs: 5_000,
  covers:
    'Every entry of a wallet or of points has the number after the entry before it, and leaves the balance before it and its own amount.',
  mode: { by: 'watermark' },
  subjects: 'SELECT count(*) AS count FROM core.entry WHERE account_sequence IS NOT NULL',
  violations: (db, scope) =>
    found(
      db,
      sql`SELECT e.id::text AS row_key, coalesce(e.balance_after - (coalesce(b.balance_after, 0) - e.amount), e.amount) AS amount,
          e.currency,
          CASE WHEN e.account_sequence IS NULL THEN format('entry %s of %s has no number', e.id, e.account_id)
            WHEN b.id IS NULL AND e.account_sequence > 1
              THEN format('entry %s is number %s of %s, and there is no number %s', e.id, e.account_sequence, e.account_id, e.account_sequence - 1)
            ELSE format('entry %s of %s takes %s from %s and leaves %s', e.id, e.account_id, e.amount, coalesce(b.balance_after, 0), e.balance_after)
          END AS detail,
          jsonb_build_object('entry', e.id, 'account', e.account_id, 'number', e.account_sequence, 'before', b.balance_after,
            'amount', e.amount, 'after', e.balance_after) AS row, e.at AS first_bad_at
        FROM core.entry e JOIN core.account a ON a.id = e.account_id AND a.floor IS NOT NULL
        LEFT JOIN core.entry b ON b.account_id = e.account_id AND b.account_sequence = e.account_sequence - 1
        WHERE (e.account_sequence IS NULL OR e.balance_after IS DISTINCT FROM coalesce(b.balance_after, 0) - e.amount
            OR (b.id IS NULL AND e.account_sequence > 1))
          ${within(scope, 'e.xid', 'e.id')} ${among('e.id', namesIn(scope), 'bigint')}`,
    ),
});
