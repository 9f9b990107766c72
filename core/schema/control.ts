import { sql } from 'drizzle-orm';
import { bigint, check, date, index, integer, jsonb, pgSchema, primaryKey, text } from 'drizzle-orm/pg-core';
import { at } from './columns.ts';

export const control = pgSchema('control');

/** The rules in force: switches, later limits and breakers. `version` is what `If-Match` names. */
export const rule = control.table(
  'rule',
  {
    kind: text('kind').notNull(),
    key: text('key').notNull(),
    version: integer('version').notNull(),
    body: jsonb('body').notNull(),
    /** The revision that gave it this body, and why. */
    revision: bigint('revision', { mode: 'number' }).notNull(),
    reason: text('reason').notNull(),
    updatedBy: text('updated_by').notNull(),
    updatedAt: at('updated_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.kind, t.key] })],
);

/** One atomic, numbered state of all rules. Append only. */
export const revision = control.table('revision', {
  number: bigint('number', { mode: 'number' }).primaryKey(),
  author: text('author').notNull(),
  reason: text('reason').notNull(),
  diff: jsonb('diff').notNull(),
  /** The canonical rule set and the digest that every instance must arrive at. */
  ruleset: jsonb('ruleset').notNull(),
  hash: text('hash').notNull(),
  at: at('at').notNull(),
});

/**
 * A process that evaluates rules. Silent ones stay in the total until they sign off or are retired; how long one has been
 * silent is read off `last_seen_at`, which is the database's time.
 */
export const instance = control.table(
  'instance',
  {
    name: text('name').primaryKey(),
    process: text('process').notNull(),
    status: text('status').notNull(),
    /** The history that `applied_revision` counts in. */
    appliedEpoch: text('applied_epoch'),
    appliedRevision: bigint('applied_revision', { mode: 'number' }),
    appliedHash: text('applied_hash'),
    appliedAt: at('applied_at'),
    firstSeenAt: at('first_seen_at').notNull(),
    lastSeenAt: at('last_seen_at').notNull(),
    details: jsonb('details').notNull(),
  },
  (t) => [check('instance_status_known', sql`${t.status} IN ('active','signed_off','retired')`)],
);

/** Who has applied which revision, and how long after it was made. */
export const acknowledgement = control.table(
  'acknowledgement',
  {
    revision: bigint('revision', { mode: 'number' }).notNull(),
    instance: text('instance').notNull(),
    hash: text('hash').notNull(),
    appliedAt: at('applied_at').notNull(),
    receivedAt: at('received_at').notNull(),
    delayMs: integer('delay_ms').notNull(),
  },
  (t) => [primaryKey({ columns: [t.revision, t.instance] })],
);

/** The answer of a write by the key its sender chose, so that a repeated one is answered and not done again. */
export const writeKey = control.table(
  'write_key',
  {
    actor: text('actor').notNull(),
    key: text('key').notNull(),
    digest: text('digest').notNull(),
    answer: jsonb('answer').notNull(),
    at: at('at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.actor, t.key] }), index('write_key_age').on(t.at)],
);

/**
 * What happened on a day (UTC), added up from the event rows as they come: how many rows of a machine entered a state,
 * and the value of what was paid per currency. So that no screen ever counts history.
 */
export const tally = control.table(
  'tally',
  {
    day: date('day', { mode: 'string' }).notNull(),
    subject: text('subject').notNull(),
    key: text('key').notNull(),
    value: bigint('value', { mode: 'number' }).notNull(),
  },
  (t) => [primaryKey({ columns: [t.day, t.subject, t.key] })],
);

/** Every write to the control plane with before and after. Append only. */
export const audit = control.table(
  'audit',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    actor: text('actor').notNull(),
    role: text('role').notNull(),
    action: text('action').notNull(),
    subject: text('subject').notNull(),
    before: jsonb('before'),
    after: jsonb('after'),
    reason: text('reason').notNull(),
    revision: bigint('revision', { mode: 'number' }),
    traceId: text('trace_id'),
    at: at('at').notNull(),
  },
  (t) => [index('audit_subject').on(t.subject, t.id)],
);
