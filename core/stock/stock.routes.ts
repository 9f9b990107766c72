import { z } from '@hono/zod-openapi';
import type { CoreContext } from '../context.ts';
import { ok } from '../kernel/errors.ts';
import { reply } from '../kernel/http/problem.ts';
import { createRouter, json, jsonBody, route } from '../kernel/http/route.ts';
import { label, numericId } from '../kernel/http/values.ts';
import { wire } from '../kernel/http/wire.ts';
import { changeStock } from './adjust.ts';
import { importCodes } from './codes.ts';
import { readSkuStock } from './stock.ts';
import { skuStockSchema, stockSchema, warehouseId } from './stock.wire.ts';

const EXAMPLE = { onHand: 150, reserved: 0, sold: 0 };
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
    200: json(wire.object({ skuId: z.string(), stock: stockSchema }), 'The stock of that warehouse as it is now', {
      skuId: '100001',
      stock: EXAMPLE,
    }),
  },
});

const read = route({
  method: 'get',
  path: '/v1/skus/{skuId}/stock',
  access: ['merchant', 'shop'],
  summary: 'Read the stock of a SKU, by warehouse',
  tags: ['stock'],
  request: { params: wire.object({ skuId: numericId }) },
  responses: {
    200: json(skuStockSchema, 'The stock as it is now', {
      skuId: '100001',
      counted: true,
      deductAt: 'reserve',
      stock: EXAMPLE,
      warehouses: [{ warehouseId: '1', ...EXAMPLE }],
    }),
  },
});

const MAX_BATCH = 5_000;

const codes = route({
  method: 'post',
  path: '/v1/skus/{skuId}/codes',
  access: ['merchant'],
  summary: 'Import codes into the pool of a SKU that is delivered as codes',
  tags: ['stock'],
  request: {
    params: wire.object({ skuId: numericId }),
    headers: wire.idempotencyHeaders,
    body: jsonBody(
      wire.object({
        warehouseId: warehouseId.optional().openapi({ description: 'default: the first one' }),
        codes: z.array(label(200)).min(1).max(MAX_BATCH),
      }),
      { codes: ['QX7F-2M9K-0001', 'QX7F-2M9K-0002'] },
    ),
  },
  responses: {
    200: json(
      wire.object({
        skuId: z.string(),
        added: z.int(),
        known: z.int().openapi({ description: 'the SKU had them before, or they were named twice' }),
      }),
      'How many were added; codes are never shown again before they are delivered',
      { skuId: '100001', added: 2, known: 0 },
    ),
  },
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

  router.openapi(codes, async (c) => {
    const { skuId } = c.req.valid('param');
    const key = c.req.valid('header')['idempotency-key'];
    const imported = await importCodes(ctx, c.get('principal').name, { skuId, ...c.req.valid('json') }, key);
    if (!imported.ok) return reply(c, imported);
    const { replayed, ...counts } = imported.value;
    if (replayed) c.header('Idempotency-Replayed', 'true');
    return reply(c, ok({ skuId: String(skuId), ...counts }));
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
