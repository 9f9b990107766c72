import { z } from '@hono/zod-openapi';
import type { CoreContext } from '../../context.ts';
import { ok, refuse } from '../../kernel/errors.ts';
import type { AppContext } from '../../kernel/http/context.ts';
import { reply } from '../../kernel/http/problem.ts';
import { createRouter, json, jsonBody, route } from '../../kernel/http/route.ts';
import { label, numericId } from '../../kernel/http/values.ts';
import { etagOf, versionOf, wire } from '../../kernel/http/wire.ts';
import { createSpu } from '../catalog.import.ts';
import type { Product } from '../catalog.read.ts';
import { IMPORT_DOCUMENT, productOnWire, productSchema } from '../catalog.wire.ts';
import { addSkus } from './add-skus.ts';
import { editProduct, editSku, tagProduct } from './edits.ts';

const tags = ['catalogue'];
const spuParams = wire.object({ spuId: numericId });
const description = z
  .string()
  .max(5_000)
  .refine((text) => text.isWellFormed() && !text.includes('\0'), 'must not hold NUL or half a surrogate pair');
const attribute = wire.object({
  attributeId: numericId.transform(String),
  attributeName: label(100),
  value: label(200),
});

const { example, schema } = IMPORT_DOCUMENT.content['application/json'];
const { skus, ...spuExample } = example;
/** One of the documents that an import is made of. */
function part(members: readonly ('categoryId' | 'spu' | 'basicAttributes' | 'currency' | 'skus')[], shown: object) {
  const properties = Object.fromEntries(members.map((name) => [name, schema.properties[name]]));
  const required = schema.required.filter((name) => members.some((member) => member === name));
  return {
    required: true,
    content: { 'application/json': { schema: { ...schema, required, properties }, example: shown } },
  };
}

const create = route({
  method: 'post',
  path: '/v1/spus',
  access: ['merchant'],
  body: 'text',
  summary: 'Make a product without SKUs; they are added on it',
  tags,
  request: { headers: wire.idempotencyHeaders, body: part(['categoryId', 'spu', 'basicAttributes'], spuExample) },
  responses: { 200: json(productSchema, 'Made before'), 201: json(productSchema, 'The product') },
});

const add = route({
  method: 'post',
  path: '/v1/products/{spuId}/skus',
  access: ['merchant'],
  body: 'text',
  summary: 'Add SKUs with prices and stock to a product',
  tags,
  request: {
    params: spuParams,
    headers: wire.idempotencyHeaders,
    body: part(['currency', 'skus'], { skus: skus.map((sku) => ({ ...sku, skuName: '黑色 XL' })) }),
  },
  responses: { 200: json(productSchema, 'Added before'), 201: json(productSchema, 'The product as it is now') },
});

const edit = route({
  method: 'patch',
  path: '/v1/products/{spuId}',
  access: ['merchant'],
  summary: 'Change what a product says of itself',
  description: 'Members that are left out stay as they are. Not while it is audited.',
  tags,
  request: {
    params: spuParams,
    headers: wire.ifMatchHeaders,
    body: jsonBody(
      wire.object({
        name: label(200).optional(),
        description: description.optional(),
        basicAttributes: z.array(attribute).max(100).optional(),
        brandId: numericId.nullable().optional(),
        categoryId: numericId.optional(),
      }),
      { description: '柔软舒适，100%纯棉，2026 新款' },
    ),
  },
  responses: { 200: json(productSchema, 'The product as it is now') },
});

const editOne = route({
  method: 'patch',
  path: '/v1/skus/{skuId}',
  access: ['merchant'],
  summary: 'Change what a SKU says of itself; If-Match is its own version',
  tags,
  request: {
    params: wire.object({ skuId: numericId }),
    headers: wire.ifMatchHeaders,
    body: jsonBody(
      wire.object({ skuName: label(200).optional(), salesAttributes: z.array(attribute).max(20).optional() }),
      { skuName: '墨黑 L' },
    ),
  },
  responses: { 200: json(productSchema, 'Its product as it is now') },
});

const tag = route({
  method: 'put',
  path: '/v1/products/{spuId}/tags',
  access: ['merchant'],
  summary: 'Give a product these tags and no others',
  tags,
  request: {
    params: spuParams,
    body: jsonBody(wire.object({ tagIds: z.array(numericId).max(50) }), { tagIds: [] }),
  },
  responses: { 200: json(productSchema, 'The product as it is now') },
});

/** Making and changing products beside their import. */
export function editRoutes(ctx: CoreContext) {
  const router = createRouter();
  const answer = (c: AppContext, product: Product) => {
    c.header('ETag', etagOf(product.version));
    return productOnWire(product);
  };

  router.openapi(create, async (c) => {
    const text = await c.req.text();
    if (text === '') return reply(c, refuse('malformed_json', 'The body is empty; send a product.'));
    const key = c.req.valid('header')['idempotency-key'];
    const made = await createSpu(ctx, c.get('principal').name, text, key);
    if (!made.ok) return reply(c, made);
    return reply(c, ok(answer(c, made.value.product)), made.value.replayed ? 200 : 201);
  });

  router.openapi(add, async (c) => {
    const text = await c.req.text();
    if (text === '') return reply(c, refuse('malformed_json', 'The body is empty; send SKUs.'));
    const key = c.req.valid('header')['idempotency-key'];
    const added = await addSkus(ctx, c.get('principal').name, c.req.valid('param').spuId, text, key);
    if (!added.ok) return reply(c, added);
    return reply(c, ok(answer(c, added.value.product)), added.value.replayed ? 200 : 201);
  });

  router.openapi(edit, async (c) => {
    const { basicAttributes: attributes, ...change } = c.req.valid('json');
    const version = versionOf(c.req.valid('header')['if-match']);
    const { spuId } = c.req.valid('param');
    const edited = await editProduct(ctx, c.get('principal').name, spuId, version, { ...change, attributes });
    return reply(c, edited.ok ? ok(answer(c, edited.value)) : edited);
  });

  router.openapi(editOne, async (c) => {
    const { skuName: name, salesAttributes: attributes } = c.req.valid('json');
    const version = versionOf(c.req.valid('header')['if-match']);
    const { skuId } = c.req.valid('param');
    const edited = await editSku(ctx, c.get('principal').name, skuId, version, { name, attributes });
    return reply(c, edited.ok ? ok(answer(c, edited.value)) : edited);
  });

  router.openapi(tag, async (c) => {
    const tagged = await tagProduct(
      ctx,
      c.get('principal').name,
      c.req.valid('param').spuId,
      c.req.valid('json').tagIds,
    );
    return reply(c, tagged.ok ? ok(answer(c, tagged.value)) : tagged);
  });

  return router;
}
