import type { Sql } from '../../core/kernel/db/database.ts';
import type { RepairStatus } from '../api/contract.ts';

/** A repair that this release has. */
export interface DeclaredRepair {
  readonly id: string;
  readonly machine: string;
  readonly states: readonly string[];
}

interface LastRun {
  readonly id: string;
  readonly replica: string | null;
  readonly scanned: number | null;
  readonly advanced: number | null;
  readonly waiting: number | null;
  readonly toPerson: number | null;
  readonly oldestSeconds: number | null;
  readonly durationMs: number | null;
  readonly at: Date | null;
}

interface ReplicaSum {
  readonly id: string;
  readonly replica: string;
  readonly scanned: number;
  readonly advanced: number;
}

/** Every declared repair with its last run, and who did how much over the runs that are kept. */
export async function readRepairs(sql: Sql, declared: readonly DeclaredRepair[]): Promise<RepairStatus[]> {
  const [last, sums] = await Promise.all([
    sql.query<LastRun>({
      name: 'overview.repairs',
      text: `SELECT d.id, r.replica, r.scanned, r.advanced, r.waiting, r.to_person AS "toPerson",
               r.oldest_age_seconds AS "oldestSeconds", r.duration_ms AS "durationMs", r.at
             FROM unnest($1::text[]) AS d(id)
             LEFT JOIN LATERAL (SELECT * FROM reconcile.repair_run WHERE repair_id = d.id ORDER BY id DESC LIMIT 1) r
               ON true`,
      values: [declared.map(({ id }) => id)],
    }),
    sql.query<ReplicaSum>({
      name: 'overview.repairs.replicas',
      text: `SELECT repair_id AS id, replica, sum(scanned) AS scanned, sum(advanced) AS advanced
             FROM reconcile.repair_run GROUP BY repair_id, replica ORDER BY repair_id, replica`,
    }),
  ]);
  const byId = new Map(last.map((row) => [row.id, row]));
  return declared.map(({ id, machine, states }) => {
    const run = byId.get(id);
    return {
      id,
      machine,
      states: [...states],
      lastRunAt: run?.at?.toISOString() ?? null,
      replica: run?.replica ?? null,
      scanned: run?.scanned ?? 0,
      advanced: run?.advanced ?? 0,
      waiting: run?.waiting ?? 0,
      toPerson: run?.toPerson ?? 0,
      oldestSeconds: run?.oldestSeconds ?? 0,
      durationMs: run?.durationMs ?? 0,
      byReplica: sums
        .filter((sum) => sum.id === id)
        .map(({ replica, scanned, advanced }) => ({ replica, scanned, advanced })),
    };
  });
}
