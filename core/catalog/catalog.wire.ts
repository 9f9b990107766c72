import { z } from '@hono/zod-openapi';
import { moneySchema, stateSchema } from '../kernel/http/values.ts';
import { wire } from '../kernel/http/wire.ts';
import { stockSchema } from '../stock/stock.wire.ts';
import { PRODUCT_STATE_CODES, type ProductState, productMachine } from './catalog.machine.ts';
import type { Product, ProductSummary, Sku } from './catalog.read.ts';
import { PRICE_TYPES } from './prices/effective.ts';

export const productState = z.enum(Object.keys(productMachine.states) as [ProductState, ...ProductState[]]);

const attributeSchema = wire
  .object({ attributeId: z.string(), attributeName: z.string(), value: z.string() })
  .openapi('Attribute');

const CNY_79 = { amount: 7900, currency: 'CNY' as const };
const SKU_EXAMPLE = {
  skuId: '100001',
  skuName: '黑色 L',
  salesAttributes: [{ attributeId: '201', attributeName: '颜色', value: '黑色' }],
  price: CNY_79,
  priceType: 'standard' as const,
  standardPrice: CNY_79,
  priceChangesAt: null,
  free: false,
  stock: { onHand: 100, reserved: 0, sold: 0 },
  snapshotId: 'b0c5a3f1d2e4968778695a4b3c2d1e0f9a8b7c6d5e4f30211203f4e5d6c7b8a9',
  version: 0,
};
const COMMON_EXAMPLE = {
  spuId: '10001',
  shopId: '1',
  name: '经典圆领男士T恤',
  categoryId: '1003001',
  goodsKind: 'physical' as const,
  brandId: '2001',
  state: { code: '10', name: 'ON_SHELF' },
  tags: [],
  version: 3,
  createdAt: '2026-11-11T08:00:00.000Z',
};

export const skuSchema = wire
  .object({
    skuId: z.string(),
    skuName: z.string(),
    salesAttributes: z.array(attributeSchema),
    price: moneySchema.openapi({ description: 'The one in effect' }),
    priceType: z.enum(PRICE_TYPES),
    standardPrice: moneySchema.openapi({ description: 'What it costs where no price with a time is in effect' }),
    priceChangesAt: wire.time.nullable().openapi({ description: 'When one of its prices begins or ends next' }),
    free: z.boolean(),
    stock: stockSchema.nullable().openapi({ description: 'null: not counted' }),
    snapshotId: z.string(),
    version: z.int(),
  })
  .openapi('Sku', { example: SKU_EXAMPLE });

const common = {
  spuId: z.string(),
  shopId: z.string(),
  name: z.string(),
  categoryId: z.string(),
  goodsKind: z.enum(['physical', 'virtual']),
  brandId: z.string().nullable(),
  state: stateSchema,
  tags: z.array(wire.object({ tagId: z.string(), name: z.string() })),
  version: z.int(),
  createdAt: wire.time,
};

export const productSchema = wire
  .object({
    ...common,
    description: z.string(),
    basicAttributes: z.array(attributeSchema),
    skus: z.array(skuSchema),
  })
  .openapi('Product', {
    example: {
      ...COMMON_EXAMPLE,
      description: '柔软舒适，100%纯棉',
      basicAttributes: [{ attributeId: '102', attributeName: '材质', value: '棉' }],
      skus: [SKU_EXAMPLE],
    },
  });

export const summarySchema = wire
  .object({
    ...common,
    skuCount: z.int(),
    priceFrom: moneySchema.nullable(),
    priceTo: moneySchema.nullable(),
  })
  .openapi('ProductSummary', {
    example: { ...COMMON_EXAMPLE, skuCount: 2, priceFrom: CNY_79, priceTo: CNY_79 },
  });

export const productPage = wire
  .object({ items: z.array(summarySchema), next: z.string().nullable() })
  .openapi('ProductPage', {
    example: { items: [{ ...COMMON_EXAMPLE, skuCount: 2, priceFrom: CNY_79, priceTo: CNY_79 }], next: null },
  });

/** The import's body for the API's page; the handler reads the text itself, to keep each price's own digits. */
export const IMPORT_DOCUMENT = {
  required: true,
  content: {
    'application/json': {
      schema: {
        type: 'object' as const,
        required: ['categoryId', 'spu', 'skus'],
        additionalProperties: false,
        properties: {
          categoryId: { type: 'integer' as const },
          currency: { type: 'string' as const, description: 'ISO 4217; default CNY' },
          spu: { type: 'object' as const },
          basicAttributes: { type: 'array' as const, items: { type: 'object' as const } },
          skus: { type: 'array' as const, minItems: 1, maxItems: 500, items: { type: 'object' as const } },
        },
      },
      example: {
        categoryId: 1003001,
        spu: { name: '经典圆领男士T恤', brandId: 2001, description: '柔软舒适，100%纯棉' },
        basicAttributes: [{ attributeId: 102, attributeName: '材质', value: '棉' }],
        skus: [
          {
            skuName: '黑色 L',
            price: 79,
            stock: 100,
            salesAttributes: [{ attributeId: 201, attributeName: '颜色', value: '黑色' }],
          },
        ],
      },
    },
  },
};

function commonOnWire(product: Product | ProductSummary) {
  return {
    spuId: String(product.spuId),
    shopId: String(product.shopId),
    name: product.name,
    categoryId: String(product.categoryId),
    goodsKind: product.goodsKind,
    brandId: product.brandId === null ? null : String(product.brandId),
    state: { code: PRODUCT_STATE_CODES[product.state], name: product.state },
    tags: [...product.tags],
    version: product.version,
    createdAt: product.createdAt.toISOString(),
  };
}

export function productOnWire(product: Product): z.infer<typeof productSchema> {
  return {
    ...commonOnWire(product),
    description: product.description,
    basicAttributes: [...product.attributes],
    skus: product.skus.map(skuOnWire),
  };
}

export function summaryOnWire(product: ProductSummary): z.infer<typeof summarySchema> {
  const { skuCount, priceFrom, priceTo } = product;
  return { ...commonOnWire(product), skuCount, priceFrom, priceTo };
}

export function skuOnWire(sku: Sku): z.infer<typeof skuSchema> {
  return {
    skuId: String(sku.skuId),
    skuName: sku.name,
    salesAttributes: [...sku.attributes],
    price: sku.price,
    priceType: sku.priceType,
    standardPrice: sku.standardPrice,
    priceChangesAt: sku.priceChangesAt?.toISOString() ?? null,
    free: sku.free,
    stock: sku.stock,
    snapshotId: sku.snapshotId,
    version: sku.version,
  };
}
