import { hashRules, type Rule, type RuleName } from '../../core/guard/rules.ts';
import type { Sql, Tx } from '../../core/kernel/db/database.ts';
import { must } from '../../core/kernel/errors.ts';

/** What one revision changed: bodies before (`null`: the rule was new) and after, and the names that went. */
export interface RevisionDiff {
  readonly changed: readonly (RuleName & { readonly before: Rule['body'] | null; readonly after: Rule['body'] })[];
  readonly removed: readonly (RuleName & { readonly before: Rule['body'] })[];
}

export interface Revision {
  readonly number: number;
  readonly author: string;
  readonly reason: string;
  readonly hash: string;
  readonly at: Date;
  readonly diff: RevisionDiff;
}

/** The newest revision with its rules; revision 0 before the first. */
export interface Head {
  readonly revision: number;
  readonly hash: string;
  readonly rules: readonly Rule[];
}

export interface RuleRow {
  readonly kind: string;
  readonly key: string;
  readonly version: number;
  readonly body: Rule['body'];
  readonly revision: number;
  readonly reason: string;
  readonly updatedBy: string;
  readonly updatedAt: Date;
}

/** Any number that nothing else in this database locks. */
const HISTORY_LOCK = 7_216_001;

/** What a replica polls to see whether it has missed something. */
export interface Position {
  /** Names the history that revision numbers count in. */
  readonly epoch: string;
  readonly revision: number;
}

/**
 * How this database names its history: database and table, and where we may ask, cluster and timeline. A restored dump, a
 * restore to a point in time and a failover to a replica are each a new history, in which a revision number may come
 * again with other rules; a data plane must then take what it would otherwise refuse as older.
 */
export async function historyOf(sql: Sql): Promise<string> {
  const parts = [
    `(SELECT oid FROM pg_database WHERE datname = current_database())`,
    `'control.revision'::regclass::oid`,
  ];
  const rows = await sql.query<{ cluster: boolean; timeline: boolean }>({
    text: `SELECT has_function_privilege('pg_control_system()', 'execute') AS cluster,
             has_function_privilege('pg_walfile_name(pg_lsn)', 'execute') AS timeline`,
  });
  const may = must(rows[0], 'what this role may ask');
  if (may.timeline) parts.unshift(`ltrim(left(pg_walfile_name(pg_current_wal_insert_lsn()), 8), '0')`);
  if (may.cluster) parts.unshift('(SELECT system_identifier FROM pg_control_system())');
  return `concat_ws('.', ${parts.join(', ')})`;
}

/** `history` is SQL from `historyOf`. */
export async function readPosition(sql: Sql, history: string): Promise<Position> {
  const rows = await sql.query<Position>({
    name: 'revisions.position',
    text: `SELECT ${history} AS epoch, coalesce((SELECT max(number) FROM control.revision), 0) AS revision`,
  });
  return must(rows[0], 'the position in the history');
}

export async function readHead(sql: Sql): Promise<Head> {
  const rows = await sql.query<Head>({
    name: 'revisions.head',
    text: `SELECT number AS revision, hash, ruleset AS rules FROM control.revision ORDER BY number DESC LIMIT 1`,
  });
  return rows[0] ?? { revision: 0, hash: hashRules([]), rules: [] };
}

/** Lets one publisher at a time past, until its transaction ends, and reads what it publishes on top of. */
export async function lockHead(tx: Tx): Promise<Head> {
  // Two statements: the second must see what the one we waited for has committed.
  await tx.query({ text: 'SELECT pg_advisory_xact_lock($1)', values: [HISTORY_LOCK] });
  return readHead(tx);
}

/** Writes the revision at the database's time, which its acknowledgements are measured with, too. */
export async function insertRevision(
  tx: Tx,
  revision: Omit<Revision, 'at'>,
  rules: readonly Rule[],
): Promise<Revision> {
  const rows = await tx.query<{ at: Date }>({
    text: `INSERT INTO control.revision (number, author, reason, diff, ruleset, hash, at)
           VALUES ($1, $2, $3, $4::jsonb, $5::jsonb, $6, clock_timestamp()) RETURNING at`,
    values: [
      revision.number,
      revision.author,
      revision.reason,
      JSON.stringify(revision.diff),
      JSON.stringify(rules),
      revision.hash,
    ],
  });
  return { ...revision, at: must(rows[0], 'the inserted revision').at };
}

/** Writes the rules of a revision, each a version further. */
export async function saveRules(tx: Tx, changed: readonly Rule[], by: Omit<Revision, 'diff' | 'hash'>): Promise<void> {
  await tx.query({
    text: `INSERT INTO control.rule (kind, key, version, body, revision, reason, updated_by, updated_at)
           SELECT kind, key, 1, body, $4, $5, $6, $7
           FROM unnest($1::text[], $2::text[], $3::jsonb[]) AS r(kind, key, body)
           ON CONFLICT (kind, key) DO UPDATE SET version = control.rule.version + 1, body = excluded.body,
             revision = excluded.revision, reason = excluded.reason, updated_by = excluded.updated_by,
             updated_at = excluded.updated_at`,
    values: [
      changed.map(({ kind }) => kind),
      changed.map(({ key }) => key),
      changed.map(({ body }) => JSON.stringify(body)),
      by.number,
      by.reason,
      by.author,
      by.at,
    ],
  });
}

export async function removeRules(tx: Tx, removed: readonly RuleName[]): Promise<void> {
  await tx.query({
    text: `DELETE FROM control.rule r USING unnest($1::text[], $2::text[]) AS gone(kind, key)
           WHERE r.kind = gone.kind AND r.key = gone.key`,
    values: [removed.map(({ kind }) => kind), removed.map(({ key }) => key)],
  });
}

export async function readRules(sql: Sql, kind: string): Promise<RuleRow[]> {
  return sql.query<RuleRow>({
    name: 'revisions.rules',
    text: `SELECT kind, key, version, body, revision, reason, updated_by AS "updatedBy", updated_at AS "updatedAt"
           FROM control.rule WHERE kind = $1 ORDER BY key`,
    values: [kind],
  });
}

const COLUMNS = 'number, author, reason, hash, at, diff';

/** Revisions after `number`, the oldest first, with what each changed. */
export async function revisionsAfter(sql: Sql, number: number, limit: number): Promise<Revision[]> {
  return sql.query<Revision>({
    name: 'revisions.after',
    text: `SELECT ${COLUMNS} FROM control.revision WHERE number > $1 ORDER BY number LIMIT $2`,
    values: [number, limit],
  });
}

/** Revisions below `before`, the newest first. */
export async function listRevisions(sql: Sql, before: number | undefined, limit: number): Promise<Revision[]> {
  return sql.query<Revision>({
    text: `SELECT ${COLUMNS} FROM control.revision WHERE $1::bigint IS NULL OR number < $1
           ORDER BY number DESC LIMIT $2`,
    values: [before ?? null, limit],
  });
}

export async function readRevision(sql: Sql, number: number): Promise<Revision | undefined> {
  const rows = await sql.query<Revision>({
    text: `SELECT ${COLUMNS} FROM control.revision WHERE number = $1`,
    values: [number],
  });
  return rows[0];
}
