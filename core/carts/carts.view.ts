import { readSellable, type SellableRow } from '../catalog/catalog.store.ts';
import type { Sql } from '../kernel/db/database.ts';
import { type Money, money } from '../kernel/money.ts';
import { type ItemRow, readItems } from './carts.store.ts';

/** What keeps a line from being bought as it stands, or has changed since it was put in. */
export type Notice = 'price_changed' | 'off_shelf' | 'sold_out' | 'too_few' | 'unknown_sku';

/** A line as its shopper sees it now. */
export interface CartLine {
  readonly skuId: number;
  readonly name: string | null;
  readonly quantity: number;
  /** Today's; null for a SKU that is no more. */
  readonly unitPrice: Money | null;
  /** What it cost when it was put in. */
  readonly addedPrice: Money;
  readonly onShelf: boolean;
  /** Pieces on hand; null: not counted. */
  readonly available: number | null;
  readonly notices: readonly Notice[];
  readonly addedAt: Date;
}

export interface CartView {
  readonly cartId: string;
  /** Null: a visitor's. */
  readonly userId: number | null;
  readonly lines: readonly CartLine[];
}

/** The cart's lines beside what holds today, in two round trips. */
export async function viewOf(sql: Sql, cartId: string, userId: number | null, now: Date): Promise<CartView> {
  const items = await readItems(sql, cartId);
  const skuIds = items.map((item) => item.sku_id);
  const sellable = skuIds.length === 0 ? [] : await readSellable(sql, skuIds, now);
  const bySku = new Map(sellable.map((sku) => [sku.sku_id, sku]));
  return { cartId, userId, lines: items.map((item) => lineOf(item, bySku.get(item.sku_id))) };
}

function lineOf(item: ItemRow, sku: SellableRow | undefined): CartLine {
  const addedPrice = money(item.added_price, item.added_currency);
  const common = { skuId: item.sku_id, quantity: item.quantity, addedPrice, addedAt: item.added_at };
  if (sku === undefined) {
    return { ...common, name: null, unitPrice: null, onShelf: false, available: 0, notices: ['unknown_sku'] };
  }
  const onShelf = sku.product_state === 'ON_SHELF';
  const available =
    sku.stock_mode === 'infinite' ? null : (sku.shelves ?? []).reduce((sum, shelf) => sum + shelf.onHand, 0);
  const unitPrice = money(sku.price, sku.currency);
  const changed = unitPrice.amount !== addedPrice.amount || unitPrice.currency !== addedPrice.currency;
  const notices: Notice[] = [
    ...(changed ? (['price_changed'] as const) : []),
    ...(onShelf ? [] : (['off_shelf'] as const)),
    ...(available === 0 ? (['sold_out'] as const) : []),
    ...(available !== null && available > 0 && available < item.quantity ? (['too_few'] as const) : []),
  ];
  const name = sku.product_name === sku.sku_name ? sku.sku_name : `${sku.product_name} ${sku.sku_name}`;
  return { ...common, name, unitPrice, onShelf, available, notices };
}
