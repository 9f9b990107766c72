import type { SellableRow } from '../catalog/catalog.store.ts';
import { ok, type Result } from '../kernel/errors.ts';
import { refuseLack, WAREHOUSE } from '../stock/pieces.ts';
import { planWarehouses } from '../stock/plan.ts';
import type { PricedLine } from './pricing.ts';
import type { SourcedLine } from './splitting.ts';

/**
 * Puts a warehouse to each line (分仓), as the stock's plan says. A line that no single warehouse has becomes several, each
 * with its part of the quantity and of the amount. What is not counted lies nowhere.
 *
 * Refuses `sold_out`: all open warehouses together do not have it.
 */
export function sourceLines(lines: readonly PricedLine[], sellable: readonly SellableRow[]): Result<SourcedLine[]> {
  const shelves = new Map(sellable.map((sku) => [sku.sku_id, sku.shelves ?? []]));
  const counted = lines.filter((line) => line.counted);
  const plan = planWarehouses(counted, shelves);
  if (plan.lacks.length > 0) return refuseLack(plan.lacks);
  const partsOf = new Map(counted.map((line, i) => [line, plan.parts[i] ?? []]));
  return ok(
    lines.flatMap((line): SourcedLine[] => {
      const parts = partsOf.get(line);
      if (parts === undefined) return [{ ...line, warehouseId: WAREHOUSE }];
      return parts.map((part) => ({ ...line, ...part, amount: line.unitPrice * part.quantity }));
    }),
  );
}
