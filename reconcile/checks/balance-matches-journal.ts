import { raw, sql } from '../../core/kernel/db/fragment.ts';
import { defineCheck, found } from '../check.ts';
import { among, namesIn } from '../scope.ts';

/**
 * What is stored of a balance is what the journal says. Accounts that limit their balance store it (as their holder's
 * claim: what was credited) with a sequence that counts their entries without gap; platform accounts store checkpoints (as
 * the plain sum, debit positive). Rows: account ids.
 *
 * The run over touched accounts trusts a platform account's checkpoint before the last and sums what came since, and of
 * a limited account the balance after its last entry, which `balance-after` holds to the one before; the exact scopes sum
 * from the first entry.
 */
export default defineCheck({
  id: 'balance-matches-journal',
  title: 'Balances are what the journal says',
  titleZh: '余额与流水一致',
  level: 'seconds',
  budgetMs: 5_000,
  covers:
    'Stored balances, and the newest checkpoint of each platform account, equal the sum of the entries behind them; sequences of limited accounts have no gap.',
  mode: { by: 'dirty', kind: 'account' },
  subjects: 'SELECT count(*) AS count FROM core.account',
  violations: (db, scope) => {
    const some = among('a.id', namesIn(scope));
    const touched = scope.kind === 'keys';
    const trusted = raw(touched ? 'true' : 'false');
    return found(
      db,
      sql`SELECT id AS row_key, stored - journal AS amount, currency,
          CASE WHEN stored <> journal THEN format('account %s stores %s %s, its entries say %s', id, stored, currency, journal)
            ELSE format('account %s counts %s entries, and its entries are numbered %s', id, sequence, numbered) END AS detail,
          jsonb_build_object('account', id, 'stored', stored, 'journal', journal, 'sequence', sequence, 'numbered', numbered) AS row,
          first_bad_at
        FROM (
          SELECT a.id, a.currency, a.balance::numeric AS stored, s.journal, a.sequence::text AS sequence, s.numbered,
            coalesce(s.last_at, a.created_at) AS first_bad_at
          FROM core.account a
          JOIN LATERAL (${touched ? lastOfLimited : allOfLimited}) s ON true
          WHERE a.balance IS NOT NULL ${some}
          UNION ALL
          SELECT a.id, a.currency, c.balance::numeric, coalesce(b.balance, 0) + coalesce(s.total, 0), NULL, NULL, c.at
          FROM core.account a
          JOIN LATERAL (SELECT * FROM core.checkpoint WHERE account_id = a.id
            ORDER BY xid DESC, entry_id DESC LIMIT 1) c ON true
          LEFT JOIN LATERAL (SELECT * FROM core.checkpoint WHERE account_id = a.id
            ORDER BY xid DESC, entry_id DESC OFFSET 1 LIMIT 1) b ON ${trusted}
          LEFT JOIN LATERAL (SELECT sum(e.amount) AS total FROM core.entry e WHERE e.account_id = a.id
            AND (e.xid, e.id) > (coalesce(b.xid, '0'), coalesce(b.entry_id, 0))
            AND (e.xid, e.id) <= (c.xid, c.entry_id)) s ON true
          WHERE a.balance IS NULL ${some}
        ) compared WHERE stored <> journal OR sequence <> numbered`,
    );
  },
});

/** What the last entry of a limited account left; nothing where it has none. */
const lastOfLimited =
  raw(`SELECT coalesce(max(l.balance_after), 0)::numeric AS journal, coalesce(max(l.account_sequence), 0)::text AS numbered,
    max(l.at) AS last_at
  FROM (SELECT e.balance_after, e.account_sequence, e.at FROM core.entry e
    WHERE e.account_id = a.id AND e.account_sequence IS NOT NULL ORDER BY e.account_sequence DESC LIMIT 1) l`);

/** All its entries, summed and counted; where their numbers have a gap, what they are is said instead of how many. */
const allOfLimited = raw(`SELECT -coalesce(sum(e.amount), 0) AS journal,
    CASE WHEN count(*) = coalesce(max(e.account_sequence), 0) AND count(*) = count(e.account_sequence) THEN count(*)::text
      ELSE format('up to %s over %s entries', max(e.account_sequence), count(*)) END AS numbered, max(e.at) AS last_at
  FROM core.entry e WHERE e.account_id = a.id`);
