import type { Sql } from '../kernel/db/database.ts';

export const ENTITY_TYPES = [
  'product',
  'sku',
  'category',
  'brand',
  'attribute',
  'tag',
  'stock',
  'warehouse',
  'coupon',
  'user',
  'consumer',
  'account',
  'refund',
  'campaign',
  'points',
] as const;
export type EntityType = (typeof ENTITY_TYPES)[number];

/** One write of a person or a machine to what the shop sells (用户操作日志). */
export interface Operation {
  readonly actor: string;
  readonly entityType: EntityType;
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

export type Json = string | number | boolean | null | { [key: string]: Json } | Json[];

export interface LoggedOperation extends Operation {
  readonly before: Json;
  readonly after: Json;
  readonly id: number;
  readonly at: Date;
}

/** The newest first, before an id when given; of everything, or of one thing. */
export function listOperations(
  sql: Sql,
  of: Pick<Operation, 'entityType' | 'entityId'> | null,
  before: number | null,
  limit: number,
): Promise<LoggedOperation[]> {
  const columns = `id, actor, entity_type AS "entityType", entity_id AS "entityId", operation, before, after, at`;
  return sql.query<LoggedOperation>(
    of === null
      ? {
          name: 'operations_all',
          text: `SELECT ${columns} FROM core.operation_log WHERE $1::bigint IS NULL OR id < $1 ORDER BY id DESC LIMIT $2`,
          values: [before, limit],
        }
      : {
          name: 'operations_of',
          text: `SELECT ${columns} FROM core.operation_log WHERE entity_type = $3 AND entity_id = $4
            AND ($1::bigint IS NULL OR id < $1) ORDER BY id DESC LIMIT $2`,
          values: [before, limit, of.entityType, of.entityId],
        },
  );
}
