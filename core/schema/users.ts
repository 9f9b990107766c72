import { check } from 'drizzle-orm/pg-core';
import { at, bigint, core, integer, sql, text } from './columns.ts';

/** What we know of a user (用户) beside the number: only those whose level or block somebody has set have a row. */
export const users = core.table(
  'users',
  {
    id: bigint('id', { mode: 'number' }).primaryKey(),
    level: integer('level').notNull().default(0),
    /** Since when the user may neither order nor pay; NULL: may. */
    blockedAt: at('blocked_at'),
    blockedReason: text('blocked_reason'),
    updatedAt: at('updated_at').notNull(),
  },
  (t) => [
    check('users_level', sql`${t.level} >= 0`),
    check('users_blocked_with_reason', sql`(${t.blockedAt} IS NULL) = (${t.blockedReason} IS NULL)`),
  ],
);
