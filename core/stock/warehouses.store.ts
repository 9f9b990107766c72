import type { Sql } from '../kernel/db/database.ts';
import type { DeductAt } from './pieces.ts';

export interface WarehouseRow {
  readonly id: number;
  readonly name: string;
  readonly priority: number;
  readonly open: boolean;
}

export async function readWarehouses(sql: Sql): Promise<WarehouseRow[]> {
  return sql.query<WarehouseRow>({
    name: 'warehouses',
    text: 'SELECT id, name, priority, open FROM core.warehouse ORDER BY priority, id',
  });
}

export async function lockWarehouse(sql: Sql, id: number): Promise<WarehouseRow | null> {
  const rows = await sql.query<WarehouseRow>({
    name: 'warehouse_lock',
    text: 'SELECT id, name, priority, open FROM core.warehouse WHERE id = $1 FOR NO KEY UPDATE',
    values: [id],
  });
  return rows[0] ?? null;
}

/** A new one, null when its name is taken; or, with its id, the one that is there. */
export async function writeWarehouse(
  sql: Sql,
  { name, priority, open }: Omit<WarehouseRow, 'id'>,
  now: Date,
  id?: number,
): Promise<WarehouseRow | null> {
  const rows = await sql.query<WarehouseRow>(
    id === undefined
      ? {
          name: 'warehouse_add',
          text: `INSERT INTO core.warehouse (name, priority, open, created_at) VALUES ($1, $2, $3, $4)
            ON CONFLICT (name) DO NOTHING RETURNING id, name, priority, open`,
          values: [name, priority, open, now],
        }
      : {
          name: 'warehouse_change',
          text: `UPDATE core.warehouse SET priority = $2, open = $3 WHERE id = $1 RETURNING id, name, priority, open`,
          values: [id, priority, open],
        },
  );
  return rows[0] ?? null;
}

/** What it was before; null when there is no such SKU. */
export async function setDeductAt(sql: Sql, skuId: number, deductAt: DeductAt): Promise<DeductAt | null> {
  const rows = await sql.query<{ before: DeductAt }>({
    name: 'sku_deduct_at',
    text: `WITH before AS (SELECT id, deduct_at FROM core.sku WHERE id = $1 FOR NO KEY UPDATE)
      UPDATE core.sku k SET deduct_at = $2 FROM before WHERE k.id = before.id RETURNING before.deduct_at AS before`,
    values: [skuId, deductAt],
  });
  return rows[0]?.before ?? null;
}
