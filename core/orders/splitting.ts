import { type Refusal, refuse } from '../kernel/errors.ts';
import type { PricedLine, SharedLine } from './pricing.ts';

/** How many orders a checkout may become. They are paid, cancelled and captured in one transaction each. */
export const MAX_ORDERS = 50;

/** A line, or a part of one, and the warehouse that it leaves from. */
export interface SourcedLine extends PricedLine {
  readonly warehouseId: number;
}

/** The lines of a checkout that become one order: of one shop, from one warehouse. Amounts in minor units. */
export interface Part {
  readonly shopId: number;
  readonly warehouseId: number;
  readonly lines: readonly (SharedLine & SourcedLine)[];
  readonly goodsAmount: number;
  readonly discount: number;
  readonly payable: number;
}

/**
 * Splits a checkout by shop and warehouse (拆单): each part becomes an order, and its amounts are the sums of its lines,
 * whose shares of the discount were taken over the whole checkout. What is not counted (charges, services) lies nowhere,
 * so it rides along with the first of its shop's parts.
 */
export function splitCheckout(lines: readonly (SharedLine & SourcedLine)[]): Part[] {
  const firstWarehouse = new Map<number, number>();
  for (const { shopId, warehouseId, counted } of lines) {
    if (counted) firstWarehouse.set(shopId, Math.min(warehouseId, firstWarehouse.get(shopId) ?? warehouseId));
  }
  const groups = new Map<string, (SharedLine & SourcedLine)[]>();
  for (const line of lines) {
    const warehouseId = line.counted ? line.warehouseId : (firstWarehouse.get(line.shopId) ?? line.warehouseId);
    const key = `${line.shopId}/${warehouseId}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [{ ...line, warehouseId }]);
    else group.push({ ...line, warehouseId });
  }
  return [...groups.values()].map(partOf).sort((a, b) => a.shopId - b.shopId || a.warehouseId - b.warehouseId);
}

function partOf(lines: readonly (SharedLine & SourcedLine)[]): Part {
  const [first] = lines;
  if (first === undefined) throw new Error('broken invariant: a part of a checkout has no lines');
  const sum = (of: (line: SharedLine) => number): number => lines.reduce((total, line) => total + of(line), 0);
  return {
    shopId: first.shopId,
    warehouseId: first.warehouseId,
    lines,
    goodsAmount: sum((line) => line.amount),
    discount: sum((line) => line.discount),
    payable: sum((line) => line.payable),
  };
}

export function refuseManyOrders(orders: number): Refusal {
  return refuse(
    'order_too_large',
    `These goods come from ${orders} shops and warehouses; one checkout may have ${MAX_ORDERS}. Order them in several.`,
  );
}
