import type { Sql } from '../core/kernel/db/database.ts';
import type { DirtyKind } from './check.ts';
import type { Mark } from './scope.ts';

/**
 * Which server and which life of it the transaction ids belong to: they start anew after dump and restore. `null` when
 * the role may not ask.
 */
export async function readSystemIdentifier(sql: Sql): Promise<string | null> {
  try {
    const rows = await sql.query<{ id: string }>({
      name: 'system_identifier',
      text: 'SELECT system_identifier::text AS id FROM pg_control_system()',
    });
    return rows[0]?.id ?? null;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === '42501') return null;
    throw error;
  }
}

export interface Watermark extends Mark {
  readonly systemIdentifier: string;
}

/** `null` also when it lies in the future of this server: it is of another life, whatever its identifier says. */
export async function readWatermark(sql: Sql, name: string): Promise<Watermark | null> {
  const rows = await sql.query<{ xid: string; row_id: number; system_identifier: string }>({
    name: 'watermark_read',
    text: `SELECT xid::text AS xid, row_id, system_identifier FROM reconcile.watermark
      WHERE name = $1 AND xid <= pg_snapshot_xmax(pg_current_snapshot())`,
    values: [name],
  });
  const row = rows[0];
  return row === undefined ? null : { xid: row.xid, id: row.row_id, systemIdentifier: row.system_identifier };
}

/** Moves a watermark forward; one of an earlier epoch is replaced. Never moves back within an epoch. */
export async function moveWatermark(sql: Sql, name: string, to: Watermark, now: Date): Promise<void> {
  await sql.query({
    name: 'watermark_move',
    text: `INSERT INTO reconcile.watermark AS w (name, xid, row_id, system_identifier, updated_at)
      VALUES ($1, $2::xid8, $3, $4, $5)
      ON CONFLICT (name) DO UPDATE SET xid = excluded.xid, row_id = excluded.row_id,
        system_identifier = excluded.system_identifier, updated_at = excluded.updated_at
      WHERE w.system_identifier <> excluded.system_identifier OR w.xid > pg_snapshot_xmax(pg_current_snapshot())
        OR (w.xid, w.row_id) <= (excluded.xid, excluded.row_id)`,
    values: [name, to.xid, to.id, to.systemIdentifier, now],
  });
}

/** Everything written by transactions below it is decided and visible: (horizon, 0) is the mark behind all of it. */
export async function readHorizon(sql: Sql): Promise<Mark> {
  const rows = await sql.query<{ xid: string }>({
    name: 'horizon',
    text: 'SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS xid',
  });
  return { xid: rows[0]?.xid ?? '0', id: 0 };
}

/**
 * The next stretch of the journal after a mark, of about `size` entries, never cutting a transaction in two: a posting's
 * entries are written by one. `null` when nothing is left behind the horizon.
 */
export async function nextRange(
  sql: Sql,
  after: Mark,
  size: number,
): Promise<{ readonly upTo: Mark; readonly rows: number; readonly more: boolean } | null> {
  const rows = await sql.query<{ xid: string | null; rows: number; more: boolean }>({
    name: 'journal_range',
    text: `WITH ahead AS (
        SELECT xid FROM core.entry WHERE (xid, id) > ($1::xid8, $2::bigint) AND xid < pg_snapshot_xmin(pg_current_snapshot())
        ORDER BY xid, id LIMIT $3
      ), last AS (SELECT max(xid) AS xid, count(*) AS n FROM ahead)
      SELECT last.xid::text AS xid, last.n >= $3 AS more, (SELECT count(*) FROM core.entry e
          WHERE (e.xid, e.id) > ($1::xid8, $2::bigint) AND e.xid <= last.xid) AS rows
      FROM last`,
    values: [after.xid, after.id, size],
  });
  const row = rows[0];
  if (row === undefined || row.xid === null) return null;
  return { upTo: { xid: row.xid, id: Number.MAX_SAFE_INTEGER }, rows: row.rows, more: row.more };
}

/** When the oldest entry after a mark was written, above the horizon or not; null when there is none. */
export async function oldestEntryAfter(sql: Sql, after: Mark): Promise<Date | null> {
  const rows = await sql.query<{ at: Date }>({
    name: 'journal_oldest',
    text: 'SELECT at FROM core.entry WHERE (xid, id) > ($1::xid8, $2::bigint) ORDER BY xid, id LIMIT 1',
    values: [after.xid, after.id],
  });
  return rows[0]?.at ?? null;
}

export interface DirtyRow {
  readonly key: string;
  readonly generation: number;
  readonly since: Date;
}

/** Marks keys as touched for each of the checks. A touch during a check is not wiped by it: the generation moves on. */
export async function markDirty(
  sql: Sql,
  checkIds: readonly string[],
  kind: DirtyKind,
  keys: readonly string[],
  now: Date,
): Promise<void> {
  if (checkIds.length === 0 || keys.length === 0) return;
  await sql.query({
    name: 'dirty_mark',
    text: `INSERT INTO reconcile.dirty AS d (kind, key, check_id, since)
      SELECT $1, k.key, c.id, $4 FROM (SELECT DISTINCT unnest($2::text[]) AS key) k, unnest($3::text[]) AS c (id)
      ORDER BY c.id, k.key
      ON CONFLICT (check_id, kind, key) DO UPDATE SET generation = d.generation + 1`,
    values: [kind, keys, checkIds, now],
  });
}

export async function readDirty(sql: Sql, checkId: string, limit: number): Promise<DirtyRow[]> {
  return sql.query<DirtyRow>({
    name: 'dirty_read',
    text: 'SELECT key, generation, since FROM reconcile.dirty WHERE check_id = $1 ORDER BY since, key LIMIT $2',
    values: [checkId, limit],
  });
}

/**
 * Strikes off what a check has seen, unless it was touched again since. A row that a feed touches at this moment is passed
 * over: it stays dirty anyway, and waiting for it could close a ring with a feed that waits for one struck off here.
 */
export async function cleanDirty(sql: Sql, checkId: string, rows: readonly DirtyRow[]): Promise<void> {
  if (rows.length === 0) return;
  await sql.query({
    name: 'dirty_clean',
    text: `WITH seen AS (
        SELECT d.check_id, d.kind, d.key FROM reconcile.dirty d
        JOIN unnest($2::text[], $3::bigint[]) AS c (key, generation) ON d.key = c.key AND d.generation = c.generation
        WHERE d.check_id = $1 FOR UPDATE OF d SKIP LOCKED
      ) DELETE FROM reconcile.dirty d USING seen
      WHERE d.check_id = seen.check_id AND d.kind = seen.kind AND d.key = seen.key`,
    values: [checkId, rows.map((r) => r.key), rows.map((r) => r.generation)],
  });
}

/** How much a check has before it: keys, and when the oldest was touched. */
export async function dirtyBacklog(sql: Sql, checkId: string): Promise<{ count: number; since: Date | null }> {
  const rows = await sql.query<{ count: number; since: Date | null }>({
    name: 'dirty_backlog',
    text: 'SELECT count(*) AS count, min(since) AS since FROM reconcile.dirty WHERE check_id = $1',
    values: [checkId],
  });
  return rows[0] ?? { count: 0, since: null };
}
