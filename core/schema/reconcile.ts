import { bigint, index, integer, jsonb, pgSchema, primaryKey, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { at, sql, xid8 } from './columns.ts';

export const reconcile = pgSchema('reconcile');

/** The newest verdict of each check. */
export const checkVerdict = reconcile.table('check_verdict', {
  checkId: text('check_id').primaryKey(),
  verdict: text('verdict').notNull(),
  reason: text('reason'),
  count: bigint('count', { mode: 'number' }).notNull(),
  amounts: jsonb('amounts').notNull(),
  first: jsonb('first'),
  worst: jsonb('worst'),
  coverage: jsonb('coverage').notNull(),
  startedAt: at('started_at').notNull(),
  finishedAt: at('finished_at').notNull(),
});

/** How far a watermark check has verified, in (xid, id) order. */
export const watermark = reconcile.table('watermark', {
  name: text('name').primaryKey(),
  xid: xid8('xid').notNull(),
  rowId: bigint('row_id', { mode: 'number' }).notNull(),
  systemIdentifier: text('system_identifier').notNull(),
  updatedAt: at('updated_at').notNull(),
});

/** What must be looked at again: pay orders, accounts, SKUs, messages touched since the check that reads them ran. */
export const dirty = reconcile.table(
  'dirty',
  {
    kind: text('kind').notNull(),
    key: text('key').notNull(),
    checkId: text('check_id').notNull(),
    since: at('since').notNull(),
    /** Moves on with each new touch, so that a touch during a check is not wiped by it. */
    generation: bigint('generation', { mode: 'number' }).notNull().default(0),
  },
  (t) => [primaryKey({ columns: [t.checkId, t.kind, t.key] }), index('dirty_since').on(t.checkId, t.since)],
);

/** A violated invariant with money, owner and life cycle (资损事件). */
export const finding = reconcile.table(
  'finding',
  {
    id: text('id').primaryKey(),
    checkId: text('check_id').notNull(),
    rowKey: text('row_key').notNull(),
    tier: text('tier').notNull(),
    status: text('status').notNull(),
    amount: bigint('amount', { mode: 'number' }).notNull(),
    currency: text('currency').notNull(),
    detail: text('detail').notNull(),
    row: jsonb('row').notNull(),
    firstBadAt: at('first_bad_at').notNull(),
    foundAt: at('found_at').notNull(),
    lastSeenAt: at('last_seen_at').notNull(),
    closedAt: at('closed_at'),
    closedReason: text('closed_reason'),
  },
  (t) => [
    index('finding_status').on(t.status, t.foundAt),
    index('finding_row').on(t.checkId, t.rowKey),
    // One live finding per violating row, whoever runs the check.
    uniqueIndex('finding_live').on(t.checkId, t.rowKey).where(sql`closed_at IS NULL`),
  ],
);

/** What each repair did per run and replica; kept short, the long history is in the metrics. */
export const repairRun = reconcile.table(
  'repair_run',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    repairId: text('repair_id').notNull(),
    replica: text('replica').notNull(),
    scanned: integer('scanned').notNull(),
    advanced: integer('advanced').notNull(),
    waiting: integer('waiting').notNull(),
    toPerson: integer('to_person').notNull(),
    oldestAgeSeconds: integer('oldest_age_seconds').notNull(),
    durationMs: integer('duration_ms').notNull(),
    at: at('at').notNull(),
  },
  (t) => [index('repair_run_recent').on(t.repairId, t.id)],
);
