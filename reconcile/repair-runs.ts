import type { Sql } from '../core/kernel/db/database.ts';
import { type Repair, type RepairReport, totalsOf } from './repair.ts';

/** Runs kept per repair; the long history is in the metrics. */
const KEEP = 500;
/** Pruning is one delete in so many inserts. */
const PRUNE_EVERY = 50;

/** Writes down one run of a repair on one replica. */
export async function recordRun(
  sql: Sql,
  repairId: string,
  replica: string,
  report: RepairReport,
  now: Date,
): Promise<void> {
  const totals = totalsOf(report);
  const rows = await sql.query<{ id: number }>({
    name: 'repair_run_write',
    text: `INSERT INTO reconcile.repair_run
        (repair_id, replica, scanned, advanced, waiting, to_person, oldest_age_seconds, duration_ms, at)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id`,
    values: [
      repairId,
      replica,
      report.scanned,
      totals.advanced,
      totals.waiting + totals.failed,
      totals.person,
      Math.round(report.oldestAgeMs / 1000),
      Math.round(report.durationMs),
      now,
    ],
  });
  if ((rows[0]?.id ?? 0) % PRUNE_EVERY === 0) await pruneRuns(sql, repairId);
}

/** Keeps the newest runs of a repair. */
export async function pruneRuns(sql: Sql, repairId: string): Promise<void> {
  await sql.query({
    name: 'repair_run_prune',
    text: `DELETE FROM reconcile.repair_run WHERE repair_id = $1 AND id <=
      (SELECT id FROM reconcile.repair_run WHERE repair_id = $1 ORDER BY id DESC OFFSET $2 LIMIT 1)`,
    values: [repairId, KEEP],
  });
}

/** What the kept runs say of one repair. */
export interface RepairStanding {
  readonly id: string;
  readonly title: string;
  readonly machine: string | null;
  readonly states: readonly string[];
  /** The newest run; null while it has never run. */
  readonly last: {
    readonly at: Date;
    readonly replica: string;
    readonly scanned: number;
    readonly advanced: number;
    readonly waiting: number;
    readonly toPerson: number;
    readonly oldestSeconds: number;
    readonly durationMs: number;
  } | null;
  /** Sums over the kept runs. */
  readonly byReplica: readonly { readonly replica: string; readonly scanned: number; readonly advanced: number }[];
}

interface LastRun {
  readonly repair_id: string;
  readonly replica: string;
  readonly scanned: number;
  readonly advanced: number;
  readonly waiting: number;
  readonly to_person: number;
  readonly oldest_age_seconds: number;
  readonly duration_ms: number;
  readonly at: Date;
}

/** How every repair stands, by the kept runs of all replicas. */
export async function readRepairs(sql: Sql, repairs: readonly Repair[]): Promise<readonly RepairStanding[]> {
  const ids = repairs.map((repair) => repair.id);
  const last = await sql.query<LastRun>({
    name: 'repair_run_last',
    text: `SELECT r.* FROM unnest($1::text[]) AS wanted (id), LATERAL (
        SELECT * FROM reconcile.repair_run WHERE repair_id = wanted.id ORDER BY id DESC LIMIT 1) r`,
    values: [ids],
  });
  const sums = await sql.query<{ repair_id: string; replica: string; scanned: number; advanced: number }>({
    name: 'repair_run_sums',
    text: `SELECT repair_id, replica, sum(scanned)::bigint AS scanned, sum(advanced)::bigint AS advanced
      FROM reconcile.repair_run WHERE repair_id = ANY($1) GROUP BY repair_id, replica ORDER BY repair_id, replica`,
    values: [ids],
  });
  return repairs.map(({ id, title, machine, states }) => {
    const run = last.find((row) => row.repair_id === id);
    return {
      id,
      title,
      machine,
      states,
      last:
        run === undefined
          ? null
          : {
              at: run.at,
              replica: run.replica,
              scanned: run.scanned,
              advanced: run.advanced,
              waiting: run.waiting,
              toPerson: run.to_person,
              oldestSeconds: run.oldest_age_seconds,
              durationMs: run.duration_ms,
            },
      byReplica: sums
        .filter((row) => row.repair_id === id)
        .map(({ replica, scanned, advanced }) => ({ replica, scanned, advanced })),
    };
  });
}
