import type { CoreContext } from '../context.ts';
import type { Sql } from '../kernel/db/database.ts';
import { catchRefusal, must, type Refusal, RefusalError, type Result, refuse } from '../kernel/errors.ts';
import { logOperation } from '../operations/operation-log.ts';
import type { DeductAt } from './pieces.ts';
import { lockWarehouse, readWarehouses, setDeductAt, type WarehouseRow, writeWarehouse } from './warehouses.store.ts';

/** A place where pieces lie (仓库). */
export interface Warehouse {
  readonly warehouseId: number;
  readonly name: string;
  /** The lower one serves where several could. */
  readonly priority: number;
  /** A closed one sells nothing new. */
  readonly open: boolean;
}

export type NewWarehouse = Omit<Warehouse, 'warehouseId'>;

/** All of them, by priority. */
export async function listWarehouses(sql: Sql): Promise<Warehouse[]> {
  return (await readWarehouses(sql)).map(warehouseOf);
}

/**
 * Adds a warehouse. The same name with the same properties twice adds one.
 *
 * Refuses: `wrong_state` (the name is that of another one).
 */
export async function addWarehouse(ctx: CoreContext, actor: string, wanted: NewWarehouse): Promise<Result<Warehouse>> {
  return catchRefusal(() =>
    ctx.db.tx(async (tx) => {
      const now = ctx.clock.now();
      const made = await writeWarehouse(tx, wanted, now);
      if (made !== null) {
        await logOperation(tx, operation(actor, made.id, 'add', null, wanted), now);
        return warehouseOf(made);
      }
      const known = (await readWarehouses(tx)).find((row) => row.name === wanted.name);
      if (known !== undefined && known.priority === wanted.priority && known.open === wanted.open) {
        return warehouseOf(known);
      }
      throw new RefusalError(
        refuse('wrong_state', `Warehouse ${known?.id} is named "${wanted.name}" already, with other properties.`),
      );
    }),
  );
}

/**
 * Opens or closes a warehouse, or gives it another priority. What is set aside in a closed one is still delivered from it.
 *
 * Refuses: `warehouse_unknown`.
 */
export async function changeWarehouse(
  ctx: CoreContext,
  actor: string,
  warehouseId: number,
  change: { readonly open?: boolean | undefined; readonly priority?: number | undefined },
): Promise<Result<Warehouse>> {
  return catchRefusal(() =>
    ctx.db.tx(async (tx) => {
      const before = await lockWarehouse(tx, warehouseId);
      if (before === null) throw new RefusalError(refuseWarehouse(warehouseId));
      const wanted = { ...before, open: change.open ?? before.open, priority: change.priority ?? before.priority };
      const after = must(await writeWarehouse(tx, wanted, ctx.clock.now(), warehouseId), `warehouse ${warehouseId}`);
      await logOperation(tx, operation(actor, warehouseId, 'change', before, after), ctx.clock.now());
      return warehouseOf(after);
    }),
  );
}

/**
 * Chooses the moment at which a SKU's pieces leave what is on hand. Orders that were placed before keep theirs.
 *
 * Refuses: `sku_unknown`.
 */
export async function chooseMoment(
  ctx: CoreContext,
  actor: string,
  skuId: number,
  deductAt: DeductAt,
): Promise<Result<{ readonly skuId: number; readonly deductAt: DeductAt }>> {
  return catchRefusal(() =>
    ctx.db.tx(async (tx) => {
      const before = await setDeductAt(tx, skuId, deductAt);
      if (before === null) throw new RefusalError(refuse('sku_unknown', `No SKU has the id ${skuId}.`));
      if (before !== deductAt) {
        const entity = { entityType: 'sku', entityId: String(skuId) } as const;
        const change = { before: { deductAt: before }, after: { deductAt } };
        await logOperation(tx, { actor, ...entity, operation: 'deduction', ...change }, ctx.clock.now());
      }
      return { skuId, deductAt };
    }),
  );
}

export function refuseWarehouse(warehouseId: number): Refusal {
  return refuse('warehouse_unknown', `No warehouse has the id ${warehouseId}.`);
}

function operation(actor: string, warehouseId: number, verb: string, before: unknown, after: unknown) {
  return { actor, entityType: 'warehouse', entityId: String(warehouseId), operation: verb, before, after } as const;
}

function warehouseOf({ id, name, priority, open }: WarehouseRow): Warehouse {
  return { warehouseId: id, name, priority, open };
}
