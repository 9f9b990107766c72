import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  customType,
  index,
  integer,
  jsonb,
  pgSchema,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
} from 'drizzle-orm/pg-core';

/** The commerce core's own schema; control and reconcile have theirs beside it in the same database. */
export const core = pgSchema('core');

/** A transaction id that never wraps. Rows are read behind the snapshot horizon by it: a serial is not a commit order. */
export const xid8 = customType<{ data: string }>({ dataType: () => 'xid8' });

/** Minor units. */
export const amount = (name: string) => bigint(name, { mode: 'number' });

export const at = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' });

/** What every row that a driver moves has in common; see `core/kernel/machine.ts`. */
export const drivable = {
  state: text('state').notNull(),
  version: integer('version').notNull().default(0),
  /** When somebody must look at the row; NULL at an end, and while it rests for a person. */
  dueAt: at('due_at'),
  /** Until when one driver asks the outside for this row; by the database's clock. */
  leaseUntil: at('lease_until'),
  /** Unknown answers in a row in this state. */
  tries: integer('tries').notNull().default(0),
  /** Why the row waits for a person. */
  personReason: text('person_reason'),
  /** When the present state was entered: the age that `stuck-age` measures. */
  stateSince: at('state_since').notNull(),
};

export { bigint, boolean, index, integer, jsonb, primaryKey, sql, text, uniqueIndex };
