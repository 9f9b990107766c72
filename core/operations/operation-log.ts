import type { Sql } from '../kernel/db/database.ts';

/** One write of a person or a machine to what the shop sells (用户操作日志). */
export interface Operation {
  readonly actor: string;
  readonly entityType:
    | 'product'
    | 'sku'
    | 'stock'
    | 'warehouse'
    | 'campaign'
    | 'coupon'
    | 'points'
    | 'user'
    | 'consumer'
    | 'account';
  readonly entityId: string;
  readonly operation: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** Writes down who changed what, in the transaction that changes it. */
export async function logOperation(sql: Sql, operation: Operation, now: Date): Promise<void> {
  await sql.query({
    name: 'operation_log',
    text: `INSERT INTO core.operation_log (actor, entity_type, entity_id, operation, before, after, at)
      VALUES ($1, $2, $3, $4, $5::jsonb, $6::jsonb, $7)`,
    values: [
      operation.actor,
      operation.entityType,
      operation.entityId,
      operation.operation,
      JSON.stringify(operation.before ?? null),
      JSON.stringify(operation.after ?? null),
      now,
    ],
  });
}
