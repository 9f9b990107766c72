import { sql } from '../../core/kernel/db/fragment.ts';
import { defineCheck, found } from '../check.ts';
import { among, namesIn } from '../scope.ts';

/**
 * The points that the ledger says a user has are those that lie in the user's lots, and those that unpaid orders hold.
 * Money: points, in PTS. Rows: accounts, such as `points:42:PTS`.
 */
export default defineCheck({
  id: 'points-balance',
  title: 'Points lie in lots as the ledger has them',
  titleZh: '积分账实相符',
  level: 'seconds',
  budgetMs: 5_000,
  covers: "Per user: the points account's balance = what is left in the user's lots + what unpaid orders hold.",
  mode: { by: 'dirty', kind: 'account' },
  subjects: `SELECT count(*) AS count FROM core.account WHERE kind = 'points'`,
  violations: (db, scope) =>
    found(
      db,
      sql`WITH had AS (
          SELECT a.id, a.balance, split_part(a.id, ':', 2)::bigint AS user_id
          FROM core.account a WHERE a.kind = 'points' ${among('a.id', namesIn(scope))}
        ), counted AS (
          SELECT h.id, h.balance,
            coalesce((SELECT sum(l.rest) FROM core.points_lot l WHERE l.user_id = h.user_id AND l.rest > 0), 0) AS in_lots,
            coalesce((SELECT sum(o.points) FROM core.points_hold o WHERE o.user_id = h.user_id AND o.state = 'locked'), 0) AS held
          FROM had h
        )
        SELECT id AS row_key, balance - in_lots - held AS amount, 'PTS' AS currency,
          format('%s has %s in the ledger, %s in lots and %s held by unpaid orders', id, balance, in_lots, held) AS detail,
          to_jsonb(counted) AS row, ${scope.now}::timestamptz AS first_bad_at
        FROM counted WHERE balance <> in_lots + held`,
    ),
});
