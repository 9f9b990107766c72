import type { Sql } from '../kernel/db/database.ts';
import { must } from '../kernel/errors.ts';
import { type Money, money } from '../kernel/money.ts';
import { type StockView, stockOf } from '../stock/stock.ts';
import { type ProductState, productMachine } from './catalog.machine.ts';
import {
  type PricedSkuRow,
  type ProductRow,
  type ProductSummaryRow,
  readProductRow,
  readSkuRows,
} from './catalog.store.ts';
import type { PriceType } from './prices/effective.ts';
import type { Attribute } from './product.format.ts';

export interface Sku {
  readonly skuId: number;
  readonly name: string;
  readonly attributes: readonly Attribute[];
  /** The one in effect. */
  readonly price: Money;
  /** Of the price in effect. */
  readonly priceType: PriceType;
  /** What it costs where no price with a time is in effect. */
  readonly standardPrice: Money;
  /** When one of its prices begins or ends next; null: none that is known. */
  readonly priceChangesAt: Date | null;
  /** A price of 0 is meant. */
  readonly free: boolean;
  /** What who buys at the price in effect is shown. */
  readonly snapshotId: string;
  readonly version: number;
  /** null: not counted. */
  readonly stock: StockView | null;
}

export interface Product {
  readonly spuId: number;
  readonly shopId: number;
  readonly categoryId: number;
  readonly goodsKind: 'physical' | 'virtual';
  readonly brandId: number | null;
  readonly name: string;
  readonly description: string;
  readonly attributes: readonly Attribute[];
  readonly state: ProductState;
  readonly version: number;
  /** Counts the changes of its SKUs and prices. */
  readonly revision: number;
  readonly tags: readonly { readonly tagId: string; readonly name: string }[];
  readonly createdAt: Date;
  readonly skus: readonly Sku[];
}

/** A product with its SKUs, the prices in effect at `now`, and stock; null when there is none. */
export async function readProduct(sql: Sql, spuId: number, now: Date): Promise<Product | null> {
  // One after the other: the row's counters may lag behind what is shown with them, never run ahead of it.
  const row = await readProductRow(sql, spuId);
  const skus = row === null ? [] : await readSkuRows(sql, spuId, now);
  if (row === null) return null;
  const stock = await stockOf(
    sql,
    skus.map((sku) => sku.id),
  );
  return { ...productOf(row), skus: skus.map((sku) => skuOf(sku, stock)) };
}

export interface ProductSummary extends Omit<Product, 'skus' | 'description' | 'attributes'> {
  readonly skuCount: number;
  readonly priceFrom: Money | null;
  readonly priceTo: Money | null;
}

export function summaryOf(row: ProductSummaryRow): ProductSummary {
  const { description: _, attributes: __, ...product } = productOf(row);
  const priced = (amount: number | null) =>
    amount === null || row.currency === null ? null : money(amount, row.currency);
  return { ...product, skuCount: row.skus, priceFrom: priced(row.min_price), priceTo: priced(row.max_price) };
}

function productOf(row: ProductRow): Omit<Product, 'skus'> {
  return {
    spuId: row.id,
    shopId: row.shop_id,
    categoryId: row.category_id,
    goodsKind: row.goods_kind,
    brandId: row.brand_id,
    name: row.name,
    description: row.description,
    attributes: row.attributes,
    state: stateOf(row),
    version: row.version,
    revision: row.revision,
    tags: row.tags,
    createdAt: row.created_at,
  };
}

export function skuOf(row: PricedSkuRow, stock: ReadonlyMap<number, StockView>): Sku {
  return {
    skuId: row.id,
    name: row.name,
    attributes: row.attributes,
    price: money(row.now_amount ?? row.price, row.currency),
    priceType: row.now_type ?? 'standard',
    standardPrice: money(row.price, row.currency),
    priceChangesAt: row.changes_at,
    free: row.now_free ?? row.free,
    snapshotId: row.now_snapshot_id ?? row.snapshot_id,
    version: row.version,
    stock: row.stock_mode !== 'infinite' ? must(stock.get(row.id), `stock of SKU ${row.id}`) : null,
  };
}

export function stateOf(row: { readonly state: string }): ProductState {
  if (!Object.hasOwn(productMachine.states, row.state)) throw new Error(`broken invariant: no product is ${row.state}`);
  return row.state as ProductState;
}
