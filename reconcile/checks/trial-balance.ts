import { sql } from '../../core/kernel/db/fragment.ts';
import { defineCheck, found } from '../check.ts';
import { among, namesIn, within } from '../scope.ts';

/**
 * All entries together sum to 0 per currency: what no single posting shows, such as a posting that was torn. A stretch
 * that sums to 0 on top of a total that was 0 leaves it at 0; one that does not is confirmed over the whole journal.
 */
export default defineCheck({
  id: 'trial-balance',
  title: 'The ledger sums to zero',
  titleZh: '试算平衡',
  level: 'seconds',
  budgetMs: 5_000,
  covers: 'The sum of all entries is 0 in each currency.',
  mode: { by: 'watermark' },
  subjects: 'SELECT count(*) AS count FROM core.entry',
  violations: (db, scope) =>
    found(
      db,
      sql`SELECT e.currency AS row_key, sum(e.amount) AS amount, e.currency,
          format('the entries in %s sum to %s', e.currency, sum(e.amount)) AS detail,
          jsonb_build_object('currency', e.currency, 'sum', sum(e.amount), 'entries', count(*)) AS row,
          min(e.at) AS first_bad_at
        FROM core.entry e WHERE true ${within(scope, 'e.xid', 'e.id')} ${among('e.currency', namesIn(scope))} GROUP BY e.currency HAVING sum(e.amount) <> 0`,
    ),
});
