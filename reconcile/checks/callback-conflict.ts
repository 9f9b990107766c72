import { sql } from '../../core/kernel/db/fragment.ts';
import { defineCheck, found } from '../check.ts';
import { among, namesIn } from '../scope.ts';

/**
 * Every signed message that contradicts what we know is looked at by a person: another amount or merchant, an unknown
 * trade, another body under a known id. Its row stays as evidence, so it is settled by ending its finding; sent again,
 * it is the same row. Money: what the message names. Rows: ids of `core.callback_conflict`.
 */
export default defineCheck({
  id: 'callback-conflict',
  title: 'No message contradicts us unseen',
  titleZh: '回调冲突',
  level: 'seconds',
  budgetMs: 5_000,
  covers: 'Every signed callback that moved nothing because it contradicts us has been looked at by a person.',
  mode: { by: 'dirty', kind: 'conflict' },
  subjects: 'SELECT count(*) AS count FROM core.callback_conflict',
  violations: (db, scope) => {
    const some = among('c.id', namesIn(scope), 'bigint');
    return found(
      db,
      sql`SELECT c.id::text AS row_key,
          CASE WHEN c.body->>'amount' ~ '^[0-9]{1,15}$' THEN (c.body->>'amount')::bigint ELSE 0 END AS amount,
          CASE WHEN c.body->>'currency' ~ '^[A-Z]{3}$' THEN c.body->>'currency' ELSE 'XXX' END AS currency,
          format('%s sent %s: %s', c.source, c.event_id, c.reason)
            || CASE WHEN c.times > 1 THEN format(' (%s times)', c.times) ELSE '' END AS detail,
          jsonb_build_object('source', c.source, 'event', c.event_id, 'reason', c.reason, 'body', c.body,
            'times', c.times, 'lastSeenAt', c.last_seen_at) AS row,
          c.received_at AS first_bad_at
        FROM core.callback_conflict c
        WHERE NOT EXISTS (SELECT FROM reconcile.finding f WHERE f.check_id = 'callback-conflict'
          AND f.row_key = c.id::text AND f.closed_at IS NOT NULL) ${some}`,
    );
  },
});
