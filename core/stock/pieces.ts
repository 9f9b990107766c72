import { type Refusal, refuse } from '../kernel/errors.ts';

/** Every finite SKU lies in one warehouse so far; rows carry it already. */
export const WAREHOUSE = 1;

/**
 * The `machine` of the event rows that tell of a SKU whose stock changed without a move of an order. Their entity is the
 * SKU; they move nothing, so they name one state twice, as every note does.
 */
export const STOCK_EVENTS = 'stock';

/** A number of pieces of one SKU. */
export interface Pieces {
  readonly skuId: number;
  readonly quantity: number;
}

/** A SKU of which there is less on hand than was wanted. */
export interface Lack {
  readonly skuId: number;
  readonly wanted: number;
  readonly available: number;
}

/** The refusal that lacking stock stands for, naming each SKU. */
export function refuseLack(lacks: readonly Lack[]): Refusal {
  const [first] = lacks;
  const what = first === undefined ? 'a SKU' : `SKU ${first.skuId} has ${first.available} left, ${first.wanted} wanted`;
  const more = lacks.length > 1 ? `, and ${lacks.length - 1} more SKUs lack` : '';
  return refuse('sold_out', `The stock does not suffice: ${what}${more}.`, {
    errors: lacks.slice(0, 20).map((lack) => ({
      path: `sku.${lack.skuId}`,
      message: `${lack.available} available, ${lack.wanted} wanted`,
    })),
  });
}

/** Adds up per SKU. Sums stay safe: the caller bounds lines and quantities. */
export function perSku(items: readonly Pieces[]): Pieces[] {
  const sums = new Map<number, number>();
  for (const { skuId, quantity } of items) sums.set(skuId, (sums.get(skuId) ?? 0) + quantity);
  return [...sums].map(([skuId, quantity]) => ({ skuId, quantity }));
}
