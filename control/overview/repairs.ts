import type { Sql } from '../../core/kernel/db/database.ts';
import type { Repair } from '../../reconcile/repair.ts';
import { readRepairs } from '../../reconcile/repair-runs.ts';
import type { RepairStatus } from '../api/contract.ts';

/** Every repair of this release with its last run, and who did how much over the runs that are kept. */
export async function repairStatuses(sql: Sql, repairs: readonly Repair[]): Promise<RepairStatus[]> {
  const standings = await readRepairs(sql, repairs);
  return standings.map(({ id, title, machine, states, last, byReplica }) => ({
    id,
    title,
    machine: machine ?? '',
    states: [...states],
    lastRunAt: last?.at.toISOString() ?? null,
    replica: last?.replica ?? null,
    scanned: last?.scanned ?? 0,
    advanced: last?.advanced ?? 0,
    waiting: last?.waiting ?? 0,
    toPerson: last?.toPerson ?? 0,
    oldestSeconds: last?.oldestSeconds ?? 0,
    durationMs: last?.durationMs ?? 0,
    byReplica: [...byReplica],
  }));
}
