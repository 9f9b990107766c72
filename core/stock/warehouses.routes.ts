import { z } from '@hono/zod-openapi';
import type { CoreContext } from '../context.ts';
import { ok } from '../kernel/errors.ts';
import { reply } from '../kernel/http/problem.ts';
import { createRouter, json, jsonBody, route } from '../kernel/http/route.ts';
import { numericId } from '../kernel/http/values.ts';
import { wire } from '../kernel/http/wire.ts';
import {
  deductAtSchema,
  newWarehouseSchema,
  warehouseChangeSchema,
  warehouseId as warehouseParam,
  warehouseSchema,
} from './stock.wire.ts';
import { addWarehouse, changeWarehouse, chooseMoment, listWarehouses, type Warehouse } from './warehouses.ts';

const EXAMPLE = { warehouseId: '2', name: '华东仓 East', priority: 50, open: true };

const list = route({
  method: 'get',
  path: '/v1/warehouses',
  access: ['merchant', 'shop'],
  summary: 'List the warehouses, the first to serve first',
  tags: ['stock'],
  responses: {
    200: json(wire.object({ warehouses: z.array(warehouseSchema) }), 'All of them', { warehouses: [EXAMPLE] }),
  },
});

const add = route({
  method: 'post',
  path: '/v1/warehouses',
  access: ['merchant'],
  summary: 'Add a warehouse',
  tags: ['stock'],
  request: { body: jsonBody(newWarehouseSchema, { name: '华东仓 East', priority: 50, open: true }) },
  responses: { 200: json(warehouseSchema, 'The warehouse', EXAMPLE) },
});

const change = route({
  method: 'patch',
  path: '/v1/warehouses/{warehouseId}',
  access: ['merchant'],
  summary: 'Open or close a warehouse, or change its priority',
  tags: ['stock'],
  request: {
    params: wire.object({ warehouseId: warehouseParam }),
    body: jsonBody(warehouseChangeSchema, { open: true }),
  },
  responses: { 200: json(warehouseSchema, 'The warehouse as it is now', EXAMPLE) },
});

const deduction = route({
  method: 'put',
  path: '/v1/skus/{skuId}/deduction',
  access: ['merchant'],
  summary: 'Choose the moment at which pieces of a SKU are deducted',
  tags: ['stock'],
  request: {
    params: wire.object({ skuId: numericId }),
    body: jsonBody(wire.object({ deductAt: deductAtSchema }), { deductAt: 'reserve' }),
  },
  responses: {
    200: json(wire.object({ skuId: z.string(), deductAt: deductAtSchema }), 'The moment from now on', {
      skuId: '100001',
      deductAt: 'reserve',
    }),
  },
});

/** Where pieces lie, and when they are deducted. */
export function warehouseRoutes(ctx: CoreContext) {
  const router = createRouter();

  router.openapi(list, async (c) => {
    const warehouses = await listWarehouses(ctx.db);
    return reply(c, ok({ warehouses: warehouses.map(onWire) }));
  });

  router.openapi(add, async (c) => {
    const added = await addWarehouse(ctx, c.get('principal').name, c.req.valid('json'));
    return reply(c, added.ok ? ok(onWire(added.value)) : added);
  });

  router.openapi(change, async (c) => {
    const { warehouseId } = c.req.valid('param');
    const changed = await changeWarehouse(ctx, c.get('principal').name, warehouseId, c.req.valid('json'));
    return reply(c, changed.ok ? ok(onWire(changed.value)) : changed);
  });

  router.openapi(deduction, async (c) => {
    const { skuId } = c.req.valid('param');
    const chosen = await chooseMoment(ctx, c.get('principal').name, skuId, c.req.valid('json').deductAt);
    return reply(c, chosen.ok ? ok({ ...chosen.value, skuId: String(skuId) }) : chosen);
  });

  return router;
}

function onWire(warehouse: Warehouse): z.infer<typeof warehouseSchema> {
  return { ...warehouse, warehouseId: String(warehouse.warehouseId) };
}
