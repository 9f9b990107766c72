import type { Sql } from '../kernel/db/database.ts';
import { must } from '../kernel/errors.ts';
import { type Money, money } from '../kernel/money.ts';
import { type StockView, stockOf } from '../stock/stock.ts';
import { type ProductState, productMachine } from './catalog.machine.ts';
import {
  listProductRows,
  type ProductFilter,
  type ProductRow,
  readProductRow,
  readSkuRows,
  type SkuRow,
} from './catalog.store.ts';
import type { Attribute } from './product.format.ts';

export interface Sku {
  readonly skuId: number;
  readonly name: string;
  readonly attributes: readonly Attribute[];
  readonly price: Money;
  /** A price of 0 is meant. */
  readonly free: boolean;
  readonly snapshotId: string;
  /** null: not counted. */
  readonly stock: StockView | null;
}

export interface Product {
  readonly spuId: number;
  readonly categoryId: number;
  readonly goodsKind: 'physical' | 'virtual';
  readonly brandId: number | null;
  readonly name: string;
  readonly description: string;
  readonly attributes: readonly Attribute[];
  readonly state: ProductState;
  readonly version: number;
  readonly createdAt: Date;
  readonly skus: readonly Sku[];
}

/** A product with its SKUs, prices and stock; null when there is none. */
export async function readProduct(sql: Sql, spuId: number): Promise<Product | null> {
  const [row, skus] = await Promise.all([readProductRow(sql, spuId), readSkuRows(sql, spuId)]);
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

/** A page of products, the newest first. `before` is the last id of the page before. */
export async function listProducts(sql: Sql, filter: ProductFilter, limit: number): Promise<ProductSummary[]> {
  const rows = await listProductRows(sql, filter, limit);
  return rows.map((row) => {
    const { description: _, attributes: __, ...product } = productOf(row);
    const priced = (amount: number | null) =>
      amount === null || row.currency === null ? null : money(amount, row.currency);
    return { ...product, skuCount: row.skus, priceFrom: priced(row.min_price), priceTo: priced(row.max_price) };
  });
}

function productOf(row: ProductRow): Omit<Product, 'skus'> {
  return {
    spuId: row.id,
    categoryId: row.category_id,
    goodsKind: row.goods_kind,
    brandId: row.brand_id,
    name: row.name,
    description: row.description,
    attributes: row.attributes,
    state: stateOf(row),
    version: row.version,
    createdAt: row.created_at,
  };
}

export function skuOf(row: SkuRow, stock: ReadonlyMap<number, StockView>): Sku {
  return {
    skuId: row.id,
    name: row.name,
    attributes: row.attributes,
    price: money(row.price, row.currency),
    free: row.free,
    snapshotId: row.snapshot_id,
    stock: row.stock_mode !== 'infinite' ? must(stock.get(row.id), `stock of SKU ${row.id}`) : null,
  };
}

export function stateOf(row: { readonly state: string }): ProductState {
  if (!Object.hasOwn(productMachine.states, row.state)) throw new Error(`broken invariant: no product is ${row.state}`);
  return row.state as ProductState;
}
