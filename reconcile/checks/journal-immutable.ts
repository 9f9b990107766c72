import { raw, sql } from '../../core/kernel/db/fragment.ts';
import { defineCheck, found } from '../check.ts';
import { anyIsWorst } from '../findings/tiers.ts';
import { among, namesIn } from '../scope.ts';

/** Written once: what was booked, what happened, what was sealed, what was decided, who did it. */
const JOURNALS = ['core.posting', 'core.entry', 'core.event', 'core.seal', 'control.revision', 'control.audit'];

/** We are the owner of the tables, or may act as it. */
const ONE_ROLE = raw(
  `pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = 'core.entry'::regclass), 'MEMBER')`,
);

/**
 * The journals can only be added to: each has its trigger against UPDATE, DELETE and TRUNCATE, and the role we work
 * under lacks the privileges. With one role for owner and application privileges guard nothing, so the verdict is
 * unknown. Rows: `schema.table`.
 */
export default defineCheck({
  id: 'journal-immutable',
  title: 'The journals can only be added to',
  titleZh: '流水不可篡改',
  level: 'seconds',
  budgetMs: 5_000,
  covers: 'Each journal refuses UPDATE, DELETE and TRUNCATE: by its trigger to everybody, by privileges to our role.',
  mode: { by: 'scan' },
  severity: anyIsWorst,
  subjects: `SELECT ${JOURNALS.length} AS count`,
  violations: async (db, scope) => {
    const seen = await found(
      db,
      sql`SELECT name AS row_key, 0 AS amount, 'XXX' AS currency,
          CASE WHEN NOT guarded THEN format('%s has no enabled trigger that refuses every change', name)
            ELSE format('the role %s may change %s', current_user, name) END AS detail,
          jsonb_build_object('table', name, 'guarded', guarded, 'role', current_user) AS row, ${scope.now}::timestamptz AS first_bad_at
        FROM (
          SELECT name, EXISTS (SELECT FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
              WHERE t.tgrelid = name::regclass AND p.proname = 'refuse_change' AND t.tgenabled IN ('O', 'A')
                -- BEFORE (2), DELETE (8), UPDATE (16), TRUNCATE (32), for each statement (not 1)
                AND t.tgtype & 59 = 58) AS guarded
          FROM unnest(${JOURNALS}::text[]) AS name
        ) journal
        WHERE (NOT guarded OR (has_table_privilege(current_user, name, 'UPDATE, DELETE, TRUNCATE') AND NOT ${ONE_ROLE}))
          ${among('name', namesIn(scope))}`,
    );
    if (seen.count > 0 || scope.kind !== 'all') return seen;
    const [role] = await db.query<{ one: boolean }>({ text: `SELECT ${ONE_ROLE.text} AS one` });
    if (role?.one === true) throw new Error('one role owns the tables and works with them: privileges guard nothing');
    return seen;
  },
});
