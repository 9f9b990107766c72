import { type Refusal, refuse } from '../kernel/errors.ts';

/** The warehouse that is there from the beginning: what an import brings lies in it. */
export const WAREHOUSE = 1;

/**
 * The moment at which a SKU's pieces leave what is on hand (扣减时机): set aside when ordered, until a deadline
 * (`reserve`, 下单预占); when ordered, for good until somebody cancels (`order`, 下单减库存); when paid (`payment`, 支付减库存).
 */
export type DeductAt = 'reserve' | 'order' | 'payment';

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

/** Pieces as an order wants them set aside: where they lie, and when they leave what is on hand. */
export interface Claim extends Pieces {
  readonly warehouseId: number;
  readonly deductAt: DeductAt;
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

/** Adds up per SKU and warehouse. Sums stay safe: the caller bounds lines and quantities. */
export function perShelf(claims: readonly Claim[]): Claim[] {
  const sums = new Map<string, Claim>();
  for (const claim of claims) {
    const shelf = `${claim.skuId}:${claim.warehouseId}`;
    sums.set(shelf, { ...claim, quantity: claim.quantity + (sums.get(shelf)?.quantity ?? 0) });
  }
  return [...sums.values()];
}
