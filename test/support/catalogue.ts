import { importProduct } from '../../core/catalog/catalog.import.ts';
import type { Product } from '../../core/catalog/catalog.read.ts';
import { changeState } from '../../core/catalog/catalog.ts';
import type { CoreContext } from '../../core/context.ts';

export interface SkuWish {
  readonly name?: string;
  /** Decimal text, such as 79.00. */
  readonly price?: string;
  readonly stock?: number;
  readonly free?: boolean;
  readonly infinite?: boolean;
  /** Delivered as codes, which are imported apart. */
  readonly codes?: boolean;
}

export interface ProductWish {
  readonly name?: string;
  readonly categoryId?: number;
  readonly currency?: string;
  readonly shopId?: number;
  readonly skus?: readonly SkuWish[];
}

export const PHYSICAL = 1003001;
export const VIRTUAL = 1005002;

/** The import's text for a product, its prices written as they were given. */
export function productText(wish: ProductWish = {}): string {
  const skus = (wish.skus ?? [{}]).map((sku, i) =>
    [
      `{"skuName": ${JSON.stringify(sku.name ?? `SKU ${i + 1}`)}`,
      `"price": ${sku.price ?? '79.00'}`,
      ...stockOf(sku),
      ...(sku.free === true ? ['"free": true'] : []),
    ]
      .join(', ')
      .concat('}'),
  );
  const currency = wish.currency === undefined ? '' : `"currency": "${wish.currency}",`;
  const shop = wish.shopId === undefined ? '' : `"shopId": ${wish.shopId},`;
  const name = JSON.stringify(wish.name ?? 'A product');
  return `{"categoryId": ${wish.categoryId ?? PHYSICAL}, ${currency} ${shop} "spu": {"name": ${name}}, "skus": [${skus.join(',')}]}`;
}

function stockOf(sku: SkuWish): string[] {
  if (sku.infinite === true) return ['"stockMode": "infinite"'];
  return [sku.codes === true ? '"stockMode": "codes"' : `"stock": ${sku.stock ?? 100}`];
}

/** A product on the shelf. */
export async function onShelf(ctx: CoreContext, wish: ProductWish = {}): Promise<Product> {
  const imported = await importProduct(ctx, 'a merchant', productText(wish));
  if (!imported.ok) throw new Error(`${imported.code}: ${imported.detail}`);
  let product = imported.value.product;
  for (const command of ['submit', 'approve', 'publish'] as const) {
    const moved = await changeState(ctx, 'a merchant', product.spuId, command, undefined);
    if (!moved.ok) throw new Error(moved.detail);
    product = moved.value;
  }
  return product;
}

/** The ids of its SKUs. */
export async function skusOnShelf(ctx: CoreContext, wish: ProductWish = {}): Promise<number[]> {
  return (await onShelf(ctx, wish)).skus.map((sku) => sku.skuId);
}
