import { z } from 'zod';
import type { Client } from '../client.ts';
import { inParallel, patiently } from './pace.ts';
import type { PlannedSku } from './planned.ts';

/** Every planned SKU's id in the shop. */
export type Shelf = ReadonlyMap<PlannedSku, string>;

const GENERAL_GOODS = '1001001';
const CHARGES = '1005003';
/** A product takes up to 500 SKUs; codes like M have more prices in a long file. */
const SKUS_PER_PRODUCT = 200;

const productAnswer = z.looseObject({
  spuId: z.string(),
  state: z.looseObject({ name: z.string() }),
  skus: z.array(z.looseObject({ skuId: z.string(), skuName: z.string() })),
});
type ProductAnswer = z.output<typeof productAnswer>;

interface ProductWish {
  readonly code: string;
  /** From 1: which of the code's products. */
  readonly part: number;
  readonly skus: readonly PlannedSku[];
}

export interface StockOptions {
  readonly runKey: string;
  readonly width: number;
  readonly signal: AbortSignal;
  readonly onStocked: () => void;
}

/** Puts on the shelf what the file sells: a product a stock code, a SKU a price, with the pieces that are bought. */
export async function stockUp(wishes: readonly ProductWish[], merchant: Client, options: StockOptions): Promise<Shelf> {
  const shelf = new Map<PlannedSku, string>();
  await inParallel(wishes, options.width, options.signal, async (wish, signal) => {
    const product = await putOnShelf(merchant, await createProduct(merchant, wish, options.runKey, signal), signal);
    const ids = new Map(product.skus.map(({ skuName, skuId }) => [skuName, skuId]));
    for (const sku of wish.skus) {
      const skuId = ids.get(nameOf(sku));
      if (skuId === undefined) throw new Error(`product ${product.spuId} of ${wish.code} lacks the SKU ${nameOf(sku)}`);
      shelf.set(sku, skuId);
    }
    options.onStocked();
  });
  return shelf;
}

export function productsOf(skus: readonly PlannedSku[]): ProductWish[] {
  const byCode = new Map<string, PlannedSku[]>();
  for (const sku of skus) {
    const known = byCode.get(sku.stockCode);
    if (known === undefined) byCode.set(sku.stockCode, [sku]);
    else known.push(sku);
  }
  return [...byCode].flatMap(([code, all]) =>
    Array.from({ length: Math.ceil(all.length / SKUS_PER_PRODUCT) }, (_, i) => ({
      code,
      part: i + 1,
      skus: all.slice(i * SKUS_PER_PRODUCT, (i + 1) * SKUS_PER_PRODUCT),
    })),
  );
}

/** Made once under its key; asked again, the answer is the product as it is now. */
function createProduct(
  merchant: Client,
  wish: ProductWish,
  runKey: string,
  signal: AbortSignal,
): Promise<ProductAnswer> {
  const key = `replay-${runKey}-${encodeURIComponent(wish.code)}${wish.part === 1 ? '' : `-${wish.part}`}`;
  return patiently(signal, () =>
    merchant.call(productAnswer, '/v1/products', {
      method: 'POST',
      body: productJson(wish),
      headers: { 'idempotency-key': key },
      signal,
    }),
  );
}

/** The way to the shelf from every state that a replay which was stopped may have left a product in. */
const WAY: Readonly<Record<string, readonly string[]>> = {
  DRAFT: ['submit', 'approve', 'publish'],
  PENDING_AUDIT: ['approve', 'publish'],
  AUDIT_APPROVED: ['publish'],
  OFF_SHELF: ['publish'],
};

async function putOnShelf(merchant: Client, product: ProductAnswer, signal: AbortSignal): Promise<ProductAnswer> {
  let now = product;
  for (const step of WAY[product.state.name] ?? []) {
    now = await patiently(signal, () =>
      merchant.call(productAnswer, `/v1/products/${product.spuId}/${step}`, { method: 'POST', signal }),
    );
  }
  return now;
}

function nameOf(sku: PlannedSku): string {
  return `${sku.stockCode} at ${sku.unitPrice}`;
}

/** JSON by hand where numbers matter: the price goes out as the text that stands in the file. */
function productJson({ code, skus }: ProductWish): string {
  const [head] = skus;
  const lines = skus.map((sku) => {
    const free = sku.unitPriceMinor === 0 ? ',"free":true' : '';
    const stock = sku.charge ? '"stockMode":"infinite"' : `"stock":${sku.pieces}`;
    return `{"skuName":${JSON.stringify(nameOf(sku))},"price":${sku.unitPrice},${stock}${free}}`;
  });
  const name = JSON.stringify((head?.description ?? code).slice(0, 190));
  const category = head?.charge === true ? CHARGES : GENERAL_GOODS;
  return `{"categoryId":${category},"currency":"GBP","spu":{"name":${name},"description":${JSON.stringify(code)}},"skus":[${lines.join(',')}]}`;
}
