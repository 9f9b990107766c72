import { raw, sql } from '../../core/kernel/db/fragment.ts';
import { defineCheck, found } from '../check.ts';
import { among, namesIn } from '../scope.ts';

/**
 * What is stored of a balance is what the journal says. Accounts that limit their balance store it (as their holder's
 * claim: what was credited); platform accounts store checkpoints (as the plain sum, debit positive). Rows: account ids.
 *
 * The run over touched accounts trusts a platform account's checkpoint before the last and sums what came since; the
 * exact scopes sum from the first entry.
 */
export default defineCheck({
  id: 'balance-matches-journal',
  title: 'Balances are what the journal says',
  titleZh: '余额与流水一致',
  level: 'seconds',
  budgetMs: 5_000,
  covers:
    'Stored balances, and the newest checkpoint of each platform account, equal the sum of the entries behind them.',
  mode: { by: 'dirty', kind: 'account' },
  subjects: 'SELECT count(*) AS count FROM core.account',
  violations: (db, scope) => {
    const some = among('a.id', namesIn(scope));
    const trusted = raw(scope.kind === 'keys' ? 'true' : 'false');
    return found(
      db,
      sql`SELECT id AS row_key, stored - journal AS amount, currency,
          format('account %s stores %s %s, its entries say %s', id, stored, currency, journal) AS detail,
          jsonb_build_object('account', id, 'stored', stored, 'journal', journal) AS row, first_bad_at
        FROM (
          SELECT a.id, a.currency, a.balance::numeric AS stored, -coalesce(s.total, 0) AS journal,
            coalesce(s.last_at, a.created_at) AS first_bad_at
          FROM core.account a
          LEFT JOIN LATERAL (SELECT sum(e.amount) AS total, max(e.at) AS last_at
            FROM core.entry e WHERE e.account_id = a.id) s ON true
          WHERE a.balance IS NOT NULL ${some}
          UNION ALL
          SELECT a.id, a.currency, c.balance::numeric, coalesce(b.balance, 0) + coalesce(s.total, 0), c.at
          FROM core.account a
          JOIN LATERAL (SELECT * FROM core.checkpoint WHERE account_id = a.id
            ORDER BY xid DESC, entry_id DESC LIMIT 1) c ON true
          LEFT JOIN LATERAL (SELECT * FROM core.checkpoint WHERE account_id = a.id
            ORDER BY xid DESC, entry_id DESC OFFSET 1 LIMIT 1) b ON ${trusted}
          LEFT JOIN LATERAL (SELECT sum(e.amount) AS total FROM core.entry e WHERE e.account_id = a.id
            AND (e.xid, e.id) > (coalesce(b.xid, '0'), coalesce(b.entry_id, 0))
            AND (e.xid, e.id) <= (c.xid, c.entry_id)) s ON true
          WHERE a.balance IS NULL ${some}
        ) compared WHERE stored <> journal`,
    );
  },
});
