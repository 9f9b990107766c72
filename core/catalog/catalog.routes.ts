import { z } from '@hono/zod-openapi';
import type { CoreContext } from '../context.ts';
import { ok, type Result, refuse } from '../kernel/errors.ts';
import type { AppContext } from '../kernel/http/context.ts';
import { reply } from '../kernel/http/problem.ts';
import { createRouter, json, jsonBody, route } from '../kernel/http/route.ts';
import { label, moneySchema, numericId } from '../kernel/http/values.ts';
import { decodeCursor, encodeCursor, etagOf, refuseFields, wire } from '../kernel/http/wire.ts';
import { CURRENCIES, MAX_AMOUNT } from '../kernel/money.ts';
import { importProduct } from './catalog.import.ts';
import { LIFE_CYCLE, type LifeCycleCommand } from './catalog.machine.ts';
import { changeState, setPrice } from './catalog.ts';
import {
  IMPORT_DOCUMENT,
  productOnWire,
  productPage,
  productSchema,
  productState,
  skuOnWire,
  skuSchema,
  summaryOnWire,
} from './catalog.wire.ts';
import { ProductDetails } from './detail.ts';
import { searchProducts } from './search.ts';

const tags = ['catalogue'];
const spuParams = wire.object({ spuId: numericId });

const MAX_WANTED = 10;
const minor = z.coerce.number().int().min(0).max(MAX_AMOUNT);
const attributeWanted = z
  .string()
  .regex(/^[1-9]\d{0,14}:[^\p{Cc}]{1,200}$/u, 'must be an attribute and its value, such as 102:棉')
  .transform((text) => ({ attributeId: text.slice(0, text.indexOf(':')), value: text.slice(text.indexOf(':') + 1) }));

/** A parameter that may stand in the address several times. */
function many<S extends z.ZodType>(one: S) {
  return z
    .preprocess(
      (given) => (given === undefined || Array.isArray(given) ? given : [given]),
      z.array(one).max(MAX_WANTED),
    )
    .optional();
}

const create = route({
  method: 'post',
  path: '/v1/products',
  access: ['merchant'],
  body: 'text',
  summary: 'Import a product with its SKUs, prices and stock',
  description: "The source's product JSON, comments allowed. The product is a DRAFT until it is published.",
  tags,
  request: { headers: wire.idempotencyHeaders, body: IMPORT_DOCUMENT },
  responses: { 200: json(productSchema, 'Imported before'), 201: json(productSchema, 'The product') },
});

const list = route({
  method: 'get',
  path: '/v1/products',
  access: ['viewer', 'merchant', 'shop'],
  summary: 'Search products, the newest first',
  description:
    'By any part of the name, a category and all below it, shop, brand, tags, attributes (on the product or one of its SKUs) and price; what is left out restricts nothing.',
  tags,
  request: {
    query: wire.object({
      ...wire.page.shape,
      state: productState.optional(),
      categoryId: numericId.optional().openapi({ description: 'It or any below it' }),
      shopId: numericId.optional(),
      brandId: numericId.optional(),
      name: label(200).optional().openapi({ description: 'Any part of the name' }),
      tagId: many(numericId).openapi({ type: 'array', items: { type: 'string' }, description: 'All of them' }),
      attribute: many(attributeWanted).openapi({
        type: 'array',
        items: { type: 'string' },
        description: 'Attribute and value, such as `102:棉`; all of them',
      }),
      priceFrom: minor.optional().openapi({ description: 'Minor units' }),
      priceTo: minor.optional(),
      currency: z.enum(CURRENCIES).optional().openapi({ description: 'Of the price; default CNY' }),
    }),
  },
  responses: {
    200: json(productPage, 'A page of products'),
  },
});

const read = route({
  method: 'get',
  path: '/v1/products/{spuId}',
  access: ['viewer', 'merchant', 'shop'],
  summary: 'A product with its SKUs, prices and stock',
  tags,
  request: { params: spuParams },
  responses: { 200: json(productSchema, 'The product') },
});

const price = route({
  method: 'post',
  path: '/v1/skus/{skuId}/price',
  access: ['merchant'],
  summary: 'Set the price of a SKU',
  tags,
  request: {
    params: wire.object({ skuId: numericId }),
    body: jsonBody(wire.object({ price: moneySchema, free: z.boolean().optional() }), {
      price: { amount: 6900, currency: 'CNY' },
    }),
  },
  responses: { 200: json(skuSchema, 'The SKU as it is now') },
});

const reasonBody = wire.object({ reason: label(500).optional() });

function lifeCycle<C extends LifeCycleCommand>(command: C) {
  return route({
    method: 'post',
    path: `/v1/products/{spuId}/${command}`,
    access: ['merchant'],
    summary: `${command[0]?.toUpperCase()}${command.slice(1)} a product: to ${LIFE_CYCLE[command].to}`,
    description: 'A body `{ "reason": "…" }` is optional, but needed to reject, to freeze and to delete.',
    tags,
    request: { params: spuParams },
    responses: { 200: json(productSchema, 'The product as it is now') },
  });
}

/** Import, life cycle, prices and reads of products. */
export function catalogRoutes(ctx: CoreContext) {
  const router = createRouter();
  const details = new ProductDetails(ctx);

  router.openapi(create, async (c) => {
    const importKey = c.req.valid('header')['idempotency-key'];
    const text = await c.req.text();
    if (text === '') return reply(c, refuse('malformed_json', 'The body is empty; send a product.'));
    const imported = await importProduct(ctx, c.get('principal').name, text, { importKey });
    if (!imported.ok) return reply(c, imported);
    const { product, replayed } = imported.value;
    if (!replayed) return reply(c, ok(productOnWire(product)), 201);
    c.header('Idempotency-Replayed', 'true');
    return reply(c, ok(productOnWire(product)));
  });

  router.openapi(list, async (c) => {
    const { cursor, limit, tagId, attribute, priceFrom, priceTo, currency, ...rest } = c.req.valid('query');
    const before = cursor === undefined ? ok(undefined) : decodeCursor(z.int().min(1), cursor);
    if (!before.ok) return reply(c, before);
    const priced = priceFrom !== undefined || priceTo !== undefined;
    const price = { currency: currency ?? 'CNY', from: priceFrom ?? 0, to: priceTo ?? MAX_AMOUNT };
    const filter = {
      ...rest,
      tagIds: tagId,
      attributes: attribute,
      price: priced ? price : undefined,
      before: before.value,
    };
    const searched = await searchProducts(ctx, filter, limit + 1);
    if (!searched.ok) return reply(c, searched);
    const found = searched.value;
    const items = found.slice(0, limit);
    const last = items.at(-1);
    const next = found.length > limit && last !== undefined ? encodeCursor(last.spuId) : null;
    return reply(c, ok({ items: items.map(summaryOnWire), next }));
  });

  router.openapi(read, async (c) => {
    const { spuId } = c.req.valid('param');
    const product = await details.read(spuId);
    if (product === null) return reply(c, refuse('product_unknown', `No product has the id ${spuId}.`));
    c.header('ETag', etagOf(product.version));
    return reply(c, ok(productOnWire(product)));
  });

  router.openapi(price, async (c) => {
    const { skuId } = c.req.valid('param');
    const set = await setPrice(ctx, c.get('principal').name, skuId, c.req.valid('json'));
    return reply(c, set.ok ? ok(skuOnWire(set.value)) : set);
  });

  for (const command of Object.keys(LIFE_CYCLE) as LifeCycleCommand[]) {
    router.openapi(lifeCycle(command), async (c) => {
      const reason = await readReason(c);
      if (!reason.ok) return reply(c, reason);
      const { spuId } = c.req.valid('param');
      const changed = await changeState(ctx, c.get('principal').name, spuId, command, reason.value);
      return reply(c, changed.ok ? ok(productOnWire(changed.value)) : changed);
    });
  }

  return router;
}

/** These commands need no body; one that is sent is read as strictly as any other. */
async function readReason(c: AppContext): Promise<Result<string | undefined>> {
  if ((await c.req.text()) === '') return ok(undefined);
  const parsed = reasonBody.safeParse(await c.req.json());
  return parsed.success ? ok(parsed.data.reason) : refuseFields(parsed.error, 'body');
}
