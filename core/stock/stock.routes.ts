import { z } from '@hono/zod-openapi';
import type { CoreContext } from '../context.ts';
import { ok } from '../kernel/errors.ts';
import { reply } from '../kernel/http/problem.ts';
import { createRouter, json, jsonBody, route } from '../kernel/http/route.ts';
import { label, numericId } from '../kernel/http/values.ts';
import { wire } from '../kernel/http/wire.ts';
import { changeStock } from './adjust.ts';
import { readSkuStock } from './stock.ts';
import { skuStockSchema, stockSchema, warehouseId } from './stock.wire.ts';

const MAX_PIECES = 1_000_000_000;

const change = route({
  method: 'post',
  path: '/v1/skus/{skuId}/stock',
  access: ['merchant'],
  summary: 'Book goods that came in, or correct a count',
  tags: ['stock'],
  request: {
    params: wire.object({ skuId: numericId }),
    headers: wire.idempotencyHeaders,
    body: jsonBody(
      wire.object({
        warehouseId: warehouseId.optional().openapi({ description: 'default: the first one' }),
        kind: z.enum(['inbound', 'adjust']),
        quantity: z.int().min(-MAX_PIECES).max(MAX_PIECES),
        reason: label(200),
      }),
      { kind: 'inbound', quantity: 50, reason: 'delivery of the supplier' },
    ),
  },
  responses: {
    200: json(wire.object({ skuId: z.string(), stock: stockSchema }), 'The stock of that warehouse as it is now'),
  },
});

const read = route({
  method: 'get',
  path: '/v1/skus/{skuId}/stock',
  access: ['merchant', 'shop'],
  summary: 'Read the stock of a SKU, by warehouse',
  tags: ['stock'],
  request: { params: wire.object({ skuId: numericId }) },
  responses: { 200: json(skuStockSchema, 'The stock as it is now') },
});

/** Changes of what there is to sell. */
export function stockRoutes(ctx: CoreContext) {
  const router = createRouter();

  router.openapi(change, async (c) => {
    const { skuId } = c.req.valid('param');
    const actor = c.get('principal').name;
    const changed = await changeStock(
      ctx,
      actor,
      { skuId, ...c.req.valid('json') },
      c.req.valid('header')['idempotency-key'],
    );
    if (!changed.ok) return reply(c, changed);
    if (changed.value.replayed) c.header('Idempotency-Replayed', 'true');
    return reply(c, ok({ skuId: String(skuId), stock: changed.value.stock }));
  });

  router.openapi(read, async (c) => {
    const { skuId } = c.req.valid('param');
    const found = await readSkuStock(ctx.db, skuId);
    if (!found.ok) return reply(c, found);
    const { warehouses, ...rest } = found.value;
    const onWire = warehouses.map((shelf) => ({ ...shelf, warehouseId: String(shelf.warehouseId) }));
    return reply(c, ok({ ...rest, skuId: String(skuId), warehouses: onWire }));
  });

  return router;
}
