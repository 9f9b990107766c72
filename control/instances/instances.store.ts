import type { InstanceReport } from '../../core/guard/protocol.ts';
import type { Sql, Tx } from '../../core/kernel/db/database.ts';

/** One report with the name that its token gave. */
export interface NamedReport {
  readonly name: string;
  readonly report: InstanceReport;
}

export interface InstanceRow {
  readonly name: string;
  readonly process: string;
  readonly status: 'active' | 'signed_off' | 'retired';
  readonly appliedEpoch: string | null;
  readonly appliedRevision: number | null;
  readonly appliedHash: string | null;
  readonly lastSeenAt: Date;
  /** Since the last report, by the database's clock. */
  readonly silentSeconds: number;
  /** The hash that its applied revision should have, where that revision is known. */
  readonly rightHash: string | null;
  readonly problem: string | null;
  /** Whether a restart without control would find on disk what is in force. */
  readonly persisted: boolean;
  /** Two living processes have reported under this name within the last seconds. */
  readonly twins: boolean;
}

const COLUMNS = `i.name, i.process, i.status, i.applied_epoch AS "appliedEpoch", i.applied_revision AS "appliedRevision",
  i.applied_hash AS "appliedHash", i.last_seen_at AS "lastSeenAt",
  extract(epoch FROM clock_timestamp() - i.last_seen_at)::float8 AS "silentSeconds",
  r.hash AS "rightHash", i.details->>'problem' AS problem,
  coalesce((i.details->>'persisted')::boolean, false) AS persisted,
  coalesce((i.details->>'twinAt')::timestamptz > clock_timestamp() - interval '5 seconds', false) AS twins`;

const FROM = 'control.instance i LEFT JOIN control.revision r ON r.number = i.applied_revision';

/**
 * Writes a batch of reports in one statement: who is there, what each has in force, and, for a revision that an instance
 * names for the first time with the right hash, its acknowledgement. Answers the delays of the new acknowledgements, in
 * ms from the revision, or from the start of a process that is younger, to now: all by the database's clock but the start.
 *
 * A process that started earlier and still reports while a later one does is its twin under the same name: a restart is
 * followed by the later one alone.
 *
 * The batch holds a name once and is sorted by it, so that two replicas never wait for each other in a circle.
 */
export async function saveReports(sql: Sql, epoch: string, batch: readonly NamedReport[]): Promise<number[]> {
  const rows = await sql.query<{ delayMs: number }>({
    name: 'instances.reports',
    text: `WITH report AS (
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::timestamptz[], $7::timestamptz[],
            $8::jsonb[])
          AS t(name, process, epoch, revision, hash, applied_at, started_at, details)
      ), seen AS (
        INSERT INTO control.instance AS i (name, process, status, applied_epoch, applied_revision, applied_hash,
          applied_at, first_seen_at, last_seen_at, details)
        SELECT name, process, 'active', epoch, revision, hash, applied_at, clock_timestamp(), clock_timestamp(), details
        FROM report
        ON CONFLICT (name) DO UPDATE SET process = excluded.process, status = 'active',
          applied_epoch = excluded.applied_epoch, applied_revision = excluded.applied_revision,
          applied_hash = excluded.applied_hash, applied_at = excluded.applied_at,
          last_seen_at = clock_timestamp(), details = excluded.details || CASE
            WHEN (i.details->>'startedAt')::timestamptz > (excluded.details->>'startedAt')::timestamptz
              AND (i.details->>'newestSeenAt')::timestamptz > clock_timestamp() - interval '3 seconds'
            THEN jsonb_build_object('startedAt', i.details->'startedAt', 'newestSeenAt', i.details->'newestSeenAt',
              'twinAt', clock_timestamp())
            ELSE jsonb_build_object('newestSeenAt', clock_timestamp(), 'twinAt', i.details->'twinAt') END
      )
      INSERT INTO control.acknowledgement (revision, instance, hash, applied_at, received_at, delay_ms)
      SELECT r.number, t.name, t.hash, t.applied_at, clock_timestamp(),
        least(2000000000, greatest(0, extract(epoch FROM clock_timestamp() - greatest(r.at, t.started_at)) * 1000))::integer
      FROM report t JOIN control.revision r ON r.number = t.revision AND r.hash = t.hash
      WHERE t.epoch = $9 AND t.applied_at IS NOT NULL
        AND NOT EXISTS (SELECT FROM control.acknowledgement a WHERE a.revision = t.revision AND a.instance = t.name)
      ON CONFLICT DO NOTHING
      RETURNING delay_ms AS "delayMs"`,
    values: [
      batch.map(({ name }) => name),
      batch.map(({ report }) => report.process),
      batch.map(({ report }) => report.epoch),
      batch.map(({ report }) => report.revision),
      batch.map(({ report }) => report.hash),
      batch.map(({ report }) => report.appliedAt),
      batch.map(({ report }) => report.startedAt),
      batch.map(({ report: { source, persisted, problem, startedAt } }) =>
        JSON.stringify({ source, persisted, problem, startedAt }),
      ),
      epoch,
    ],
  });
  return rows.map(({ delayMs }) => delayMs);
}

export async function signOff(sql: Sql, name: string): Promise<void> {
  await sql.query({
    text: `UPDATE control.instance SET status = 'signed_off', last_seen_at = clock_timestamp()
           WHERE name = $1 AND status = 'active'`,
    values: [name],
  });
}

export async function lockInstance(tx: Tx, name: string): Promise<InstanceRow | undefined> {
  const rows = await tx.query<InstanceRow>({
    text: `SELECT ${COLUMNS} FROM ${FROM} WHERE i.name = $1 FOR UPDATE OF i`,
    values: [name],
  });
  return rows[0];
}

export async function markRetired(tx: Tx, name: string): Promise<void> {
  await tx.query({ text: `UPDATE control.instance SET status = 'retired' WHERE name = $1`, values: [name] });
}

/** Those that count: active ones, silent or not. */
export async function activeInstances(sql: Sql, limit: number): Promise<InstanceRow[]> {
  return sql.query<InstanceRow>({
    name: 'instances.active',
    text: `SELECT ${COLUMNS} FROM ${FROM} WHERE i.status = 'active' ORDER BY i.name LIMIT $1`,
    values: [limit],
  });
}

/** All, after `after` by name. */
export async function listInstances(sql: Sql, after: string | undefined, limit: number): Promise<InstanceRow[]> {
  return sql.query<InstanceRow>({
    text: `SELECT ${COLUMNS} FROM ${FROM} WHERE $1::text IS NULL OR i.name > $1 ORDER BY i.name LIMIT $2`,
    values: [after ?? null, limit],
  });
}

/** Delays of the acknowledgements of one revision, in ms, the shortest first. */
export async function acknowledgementDelays(sql: Sql, revision: number): Promise<number[]> {
  const rows = await sql.query<{ delayMs: number }>({
    name: 'instances.delays',
    text: 'SELECT delay_ms AS "delayMs" FROM control.acknowledgement WHERE revision = $1 ORDER BY delay_ms',
    values: [revision],
  });
  return rows.map(({ delayMs }) => delayMs);
}
