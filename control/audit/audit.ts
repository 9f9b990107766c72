import type { Clock } from '../../core/kernel/clock.ts';
import type { Sql, Tx } from '../../core/kernel/db/database.ts';
import { currentTraceId } from '../../core/kernel/tracing.ts';

/** Who does something to the control plane: a person's token, or control itself. */
export interface Actor {
  readonly name: string;
  readonly role: string;
}

/** Control's own deeds, such as declaring the switches of a new release. */
export const CONTROL: Actor = { name: 'control', role: 'control' };

/** One write to the control plane. `action` is `room.verb`, `subject` the key of what was written. */
export interface AuditEntry {
  readonly actor: Actor;
  readonly action: string;
  readonly subject: string;
  readonly before: unknown;
  readonly after: unknown;
  readonly reason: string;
  readonly revision?: number;
}

export interface AuditRow {
  readonly id: number;
  readonly actor: string;
  readonly role: string;
  readonly action: string;
  readonly subject: string;
  readonly before: unknown;
  readonly after: unknown;
  readonly reason: string;
  readonly revision: number | null;
  readonly traceId: string | null;
  readonly at: Date;
}

/** Writes the audit row in the transaction of what it records: neither stands without the other. */
export async function recordAudit(tx: Tx, clock: Clock, entry: AuditEntry): Promise<void> {
  await tx.query({
    text: `INSERT INTO control.audit (actor, role, action, subject, before, after, reason, revision, trace_id, at)
           VALUES ($1, $2, $3, $4, $5::jsonb, $6::jsonb, $7, $8, $9, $10)`,
    values: [
      entry.actor.name,
      entry.actor.role,
      entry.action,
      entry.subject,
      JSON.stringify(entry.before ?? null),
      JSON.stringify(entry.after ?? null),
      entry.reason,
      entry.revision ?? null,
      currentTraceId() ?? null,
      clock.now(),
    ],
  });
}

/** The newest first, below `beforeId`; of one subject when it is named. */
export async function listAudit(
  sql: Sql,
  { limit, beforeId, subject }: { limit: number; beforeId: number | undefined; subject: string | undefined },
): Promise<AuditRow[]> {
  return sql.query<AuditRow>({
    text: `SELECT id, actor, role, action, subject, before, after, reason, revision, trace_id AS "traceId", at
           FROM control.audit
           WHERE ($1::bigint IS NULL OR id < $1) AND ($2::text IS NULL OR subject = $2)
           ORDER BY id DESC LIMIT $3`,
    values: [beforeId ?? null, subject ?? null, limit],
  });
}
