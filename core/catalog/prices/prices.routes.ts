import { z } from '@hono/zod-openapi';
import type { CoreContext } from '../../context.ts';
import { ok } from '../../kernel/errors.ts';
import { reply } from '../../kernel/http/problem.ts';
import { createRouter, json, jsonBody, route } from '../../kernel/http/route.ts';
import { numericId } from '../../kernel/http/values.ts';
import { decodeCursor, encodeCursor, wire } from '../../kernel/http/wire.ts';
import { addPrice, endPrice, listPrices } from './prices.ts';
import { priceOnWire, priceSchema, priceWish } from './prices.wire.ts';

const tags = ['catalogue'];
const skuParams = wire.object({ skuId: numericId });

const add = route({
  method: 'post',
  path: '/v1/skus/{skuId}/prices',
  access: ['merchant'],
  summary: 'Give a SKU a promotion, flash or dated standard price',
  description:
    'In effect from `from` until before `to`. Flash goes before promotion before standard, then the latest start. Flash prices of a SKU never overlap, nor do promotions; no two standard prices begin at the same time.',
  tags,
  request: {
    params: skuParams,
    headers: wire.idempotencyHeaders,
    body: jsonBody(priceWish, {
      type: 'flash',
      price: { amount: 5900, currency: 'CNY' },
      from: '2099-11-11T00:00:00.000Z',
      to: '2099-11-11T02:00:00.000Z',
    }),
  },
  responses: { 200: json(priceSchema, 'Made before'), 201: json(priceSchema, 'The price') },
});

const list = route({
  method: 'get',
  path: '/v1/skus/{skuId}/prices',
  access: ['viewer', 'merchant', 'shop'],
  summary: 'The dated prices of a SKU, the newest first',
  tags,
  request: { params: skuParams, query: wire.page },
  responses: {
    200: json(wire.object({ items: z.array(priceSchema), next: z.string().nullable() }), 'A page of prices', {
      items: [],
      next: null,
    }),
  },
});

const end = route({
  method: 'post',
  path: '/v1/skus/{skuId}/prices/{priceId}/end',
  access: ['merchant'],
  summary: 'End a dated price now, or before it begins',
  tags,
  request: { params: wire.object({ skuId: numericId, priceId: numericId }) },
  responses: { 200: json(priceSchema, 'The price as it is now') },
});

/** Prices with a time: promotions, flash prices, standard prices to come. */
export function priceRoutes(ctx: CoreContext) {
  const router = createRouter();

  router.openapi(add, async (c) => {
    const { from, to, ...wish } = c.req.valid('json');
    const added = await addPrice(
      ctx,
      c.get('principal').name,
      c.req.valid('param').skuId,
      {
        ...wish,
        from: from === undefined ? undefined : new Date(from),
        to: to === undefined ? undefined : new Date(to),
      },
      c.req.valid('header')['idempotency-key'],
    );
    if (!added.ok) return reply(c, added);
    if (!added.value.replayed) return reply(c, ok(priceOnWire(added.value)), 201);
    c.header('Idempotency-Replayed', 'true');
    return reply(c, ok(priceOnWire(added.value)));
  });

  router.openapi(list, async (c) => {
    const { cursor, limit } = c.req.valid('query');
    const before = cursor === undefined ? ok(null) : decodeCursor(z.int().min(1), cursor);
    if (!before.ok) return reply(c, before);
    const found = await listPrices(ctx, c.req.valid('param').skuId, before.value, limit + 1);
    if (!found.ok) return reply(c, found);
    const items = found.value.slice(0, limit);
    const last = items.at(-1);
    const next = found.value.length > limit && last !== undefined ? encodeCursor(last.row.id) : null;
    return reply(c, ok({ items: items.map(priceOnWire), next }));
  });

  router.openapi(end, async (c) => {
    const { skuId, priceId } = c.req.valid('param');
    const ended = await endPrice(ctx, c.get('principal').name, skuId, priceId);
    return reply(c, ended.ok ? ok(priceOnWire(ended.value)) : ended);
  });

  return router;
}
