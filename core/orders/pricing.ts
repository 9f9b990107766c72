import type { SellableRow } from '../catalog/catalog.store.ts';
import { type FieldError, ok, type Refusal, type Result, refuse } from '../kernel/errors.ts';
import { type Currency, formatMoney, MAX_AMOUNT, type Money } from '../kernel/money.ts';
import { type LineShares, type Reduction, spreadReduction } from '../marketing/shares.ts';
import type { DeductAt } from '../stock/pieces.ts';

/** One line as it was asked for. */
export interface Item {
  readonly skuId: number;
  /** 1..100,000. */
  readonly quantity: number;
  /** What the shopper saw; another price now is refused. */
  readonly expectedPrice?: Money | undefined;
}

/** A line with the price that it is sold at. Amounts in minor units of the order's currency. */
export interface PricedLine {
  /** Its place among the items asked for. */
  readonly index: number;
  readonly skuId: number;
  readonly name: string;
  readonly snapshotId: string;
  /** Whose goods they are. */
  readonly shopId: number;
  readonly goodsKind: 'physical' | 'virtual';
  readonly counted: boolean;
  readonly deductAt: DeductAt;
  readonly quantity: number;
  readonly unitPrice: number;
  /** `unitPrice` × `quantity`. */
  readonly amount: number;
}

export interface PricedGoods {
  readonly currency: Currency;
  readonly lines: readonly PricedLine[];
  /** The sum of the lines. */
  readonly amount: number;
}

/** `SOLD_OUT` follows the stock a moment later; whether there is any is for the stock to say. */
const ON_SALE: ReadonlySet<string> = new Set(['ON_SHELF', 'SOLD_OUT']);

/**
 * Puts today's prices to the items.
 *
 * Refuses: `sku_unknown`, `sku_off_shelf`, `price_changed` (all lines that it concerns, each with both prices),
 * `currency_mismatch` (SKUs of two currencies), `order_too_large` (beyond the largest amount).
 */
export function priceItems(items: readonly Item[], sellable: ReadonlyMap<number, SellableRow>): Result<PricedGoods> {
  const found: { readonly item: Item; readonly sku: SellableRow; readonly index: number }[] = [];
  const unknown: FieldError[] = [];
  for (const [index, item] of items.entries()) {
    const sku = sellable.get(item.skuId);
    if (sku !== undefined) found.push({ item, sku, index });
    else unknown.push({ path: `items.${index}.skuId`, message: `no SKU has the id ${item.skuId}` });
  }
  if (unknown.length > 0) return refuseLines('sku_unknown', unknown);

  const offShelf = found.filter(({ sku }) => !ON_SALE.has(sku.product_state));
  if (offShelf.length > 0) {
    return refuseLines(
      'sku_off_shelf',
      offShelf.map(({ index, sku }) => ({
        path: `items.${index}.skuId`,
        message: `SKU ${sku.sku_id} is ${sku.product_state}`,
      })),
    );
  }
  const changed = found.flatMap(({ item, sku, index }) => priceChange(item, sku, index));
  if (changed.length > 0) return refuseLines('price_changed', changed);

  const currency = found[0]?.sku.currency;
  if (currency === undefined) return refuse('invalid_request', 'An order has one line at least.');
  if (found.some(({ sku }) => sku.currency !== currency)) {
    return refuse('currency_mismatch', 'The SKUs are sold in different currencies; place one order for each.');
  }
  return addUp(
    currency,
    found.map(({ item, sku, index }) => lineOf(item, sku, index)),
  );
}

/** The amount is exact in a bigint; as a number it may not be, until `addUp` has refused what is too large. */
function lineOf(item: Item, sku: SellableRow, index: number): PricedLine & { readonly exact: bigint } {
  const exact = BigInt(sku.price) * BigInt(item.quantity);
  return {
    index,
    skuId: sku.sku_id,
    name: sku.product_name === sku.sku_name ? sku.sku_name : `${sku.product_name} ${sku.sku_name}`,
    snapshotId: sku.snapshot_id,
    shopId: sku.shop_id,
    goodsKind: sku.goods_kind,
    counted: sku.stock_mode !== 'infinite',
    deductAt: sku.deduct_at,
    quantity: item.quantity,
    unitPrice: sku.price,
    amount: Number(exact),
    exact,
  };
}

function addUp(currency: Currency, lines: readonly (PricedLine & { readonly exact: bigint })[]): Result<PricedGoods> {
  const total = lines.reduce((sum, line) => sum + line.exact, 0n);
  if (total > BigInt(MAX_AMOUNT)) {
    return refuse('order_too_large', `The goods are worth ${total} minor units; an order may have ${MAX_AMOUNT}.`);
  }
  return ok({ currency, lines: lines.map(({ exact: _, ...line }) => line), amount: Number(total) });
}

function priceChange({ expectedPrice }: Item, sku: SellableRow, index: number): FieldError[] {
  if (expectedPrice === undefined) return [];
  if (expectedPrice.amount === sku.price && expectedPrice.currency === sku.currency) return [];
  const now = formatMoney({ amount: sku.price, currency: sku.currency });
  return [
    {
      path: `items.${index}.expectedPrice`,
      message: `SKU ${sku.sku_id} costs ${now} now, not ${formatMoney(expectedPrice)}`,
    },
  ];
}

function refuseLines(code: 'sku_unknown' | 'sku_off_shelf' | 'price_changed', errors: readonly FieldError[]): Refusal {
  const more = errors.length > 1 ? `, and ${errors.length - 1} more` : '';
  return refuse(code, `${errors[0]?.message}${more}.`, { errors: errors.slice(0, 20) });
}

/** A line with its share of the checkout's discount, and what that is made of. */
export interface SharedLine extends PricedLine, LineShares {
  readonly discount: number;
  readonly payable: number;
}

/** Spreads what coupon and points take off over the lines; the shares add up to it exactly, and none exceeds its line. */
export function shareDiscount<Line extends PricedLine>(
  lines: readonly Line[],
  reduction: Reduction,
  currency: Currency,
): (Line & SharedLine)[] {
  const amounts = lines.map((line) => line.amount);
  const shares = spreadReduction(amounts, reduction, currency);
  return lines.map((line, i) => {
    const share = shares[i] ?? { couponAmount: 0, pointsAmount: 0, points: 0 };
    const discount = share.couponAmount + share.pointsAmount;
    return { ...line, ...share, discount, payable: line.amount - discount };
  });
}
