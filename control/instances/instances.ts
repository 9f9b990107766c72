import type { Database, Tx } from '../../core/kernel/db/database.ts';
import { catchRefusal, RefusalError, type Result, refuse } from '../../core/kernel/errors.ts';
import type { InstanceStatus } from '../api/contract.ts';
import { type Actor, recordAudit } from '../audit/audit.ts';
import type { ControlContext } from '../context.ts';
import { type InstanceRow, lockInstance, markRetired } from './instances.store.ts';

/** Two missed heartbeats, with the time a report may take. */
export const SILENT_SECONDS = 3;
/** After this it does not come back by itself. */
export const LOST_SECONDS = 30;

/** The revision that instances are measured against. */
export interface Target {
  readonly epoch: string;
  readonly revision: number;
}

/**
 * Whether an instance enforces `target` or something newer, what it has in force is what that revision says, and a
 * restart without control would enforce it too. Of two that speak as one, nobody knows which was heard.
 */
export function hasApplied(row: InstanceRow, target: Target): boolean {
  return row.persisted && !row.twins && enforces(row, target);
}

function enforces(row: InstanceRow, target: Target): boolean {
  return (
    row.appliedEpoch === target.epoch &&
    row.appliedRevision !== null &&
    row.appliedRevision >= target.revision &&
    row.appliedHash === row.rightHash
  );
}

/** Why an instance does not enforce `target`, in words for the person who flipped. */
export function whyNot(row: InstanceRow, target: Target): string {
  if (row.silentSeconds > SILENT_SECONDS) return `silent for ${Math.round(row.silentSeconds)} s`;
  if (row.twins) return `two processes speak as ${row.name}: give each a name and a token of its own`;
  if (row.problem !== null) return row.problem;
  if (enforces(row, target)) return 'in force, not on disk: a restart without control would lose it';
  const sameHistory = row.appliedEpoch === target.epoch;
  if (sameHistory && row.rightHash !== null && row.appliedHash !== row.rightHash) return 'wrong hash';
  if (sameHistory && (row.appliedRevision ?? 0) > target.revision) {
    return `holds revision ${row.appliedRevision}, which this history does not know`;
  }
  return 'not yet acknowledged';
}

export function statusOf(row: InstanceRow, head: Target): InstanceStatus {
  return {
    name: row.name,
    process: row.process,
    status: livenessOf(row),
    appliedRevision: row.appliedRevision,
    appliedHash: row.appliedHash,
    current: hasApplied(row, head),
    persisted: row.persisted,
    lastSeenAt: row.lastSeenAt.toISOString(),
    silentSeconds: Math.max(0, Math.round(row.silentSeconds * 10) / 10),
  };
}

export function livenessOf(row: InstanceRow): InstanceStatus['status'] {
  if (row.status !== 'active') return row.status;
  if (row.silentSeconds > LOST_SECONDS) return 'lost';
  return row.silentSeconds > SILENT_SECONDS ? 'silent' : 'live';
}

/**
 * Takes an instance out of the total by hand: a machine that is gone for good and could not sign off.
 *
 * Refuses: `instance_unknown`; `wrong_state` for one that still reports, which its next heartbeat would bring back.
 */
export async function retire(
  { db, clock }: Pick<ControlContext, 'clock'> & { readonly db: Database },
  name: string,
  actor: Actor,
  reason: string,
): Promise<Result<InstanceRow>> {
  return catchRefusal(() =>
    db.tx(async (tx: Tx) => {
      const row = await lockInstance(tx, name);
      if (row === undefined) throw new RefusalError(refuse('instance_unknown', `No instance is called ${name}.`));
      if (livenessOf(row) === 'live') {
        throw new RefusalError(refuse('wrong_state', `${name} reports: stop it first, then it signs off by itself.`));
      }
      if (row.status === 'retired') return row;
      await markRetired(tx, name);
      const retired: InstanceRow = { ...row, status: 'retired' };
      await recordAudit(tx, clock, {
        actor,
        action: 'instance.retire',
        subject: name,
        before: { status: livenessOf(row) },
        after: { status: 'retired' },
        reason,
      });
      return retired;
    }),
  );
}

/**
 * How often instances are to report: each second while that costs little, every other second for large fleets. A silent
 * one is named after 3 s either way.
 */
export function heartbeatMs(instances: number): number {
  return instances > 1_000 ? 2_000 : 1_000;
}
