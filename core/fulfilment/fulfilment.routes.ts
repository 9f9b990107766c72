import { z } from '@hono/zod-openapi';
import type { CoreContext } from '../context.ts';
import { ok, type Result } from '../kernel/errors.ts';
import { reply } from '../kernel/http/problem.ts';
import { createRouter, json, jsonBody, route } from '../kernel/http/route.ts';
import { label, orderNumber, stateOnWire, stateSchema } from '../kernel/http/values.ts';
import { etagOf, versionOf, wire } from '../kernel/http/wire.ts';
import { shipmentMachine } from './fulfilment.machine.ts';
import { correctTracking, type ShipmentView, shipPart } from './parts.ts';

const tags = ['fulfilment'];

const shipmentSchema = wire
  .object({
    shipmentId: z.string(),
    orderId: z.string(),
    state: stateSchema,
    version: z.int(),
    carrier: z.string().nullable(),
    trackingNo: z.string().nullable(),
    lines: z.array(wire.object({ lineNo: z.int(), quantity: z.int() })),
  })
  .openapi('Shipment', {
    example: {
      shipmentId: 'shp_01jd0000000000000000000000',
      orderId: '1795557627000001001',
      state: { code: 'F2', name: 'FULFILMENT_PROCESSING' },
      version: 3,
      carrier: 'SF Express',
      trackingNo: 'SF456',
      lines: [{ lineNo: 1, quantity: 2 }],
    },
  });

const partBody = wire.object({
  lines: z
    .array(wire.object({ lineNo: z.int().min(1).max(2_000), quantity: z.int().min(1).max(100_000) }))
    .min(1)
    .max(2_000),
});

const part = route({
  method: 'post',
  path: '/v1/orders/{orderId}/shipments',
  access: ['merchant', 'operator'],
  summary: 'Ship some pieces of a paid order by themselves',
  description:
    'Without this, one shipment takes the whole order. Pieces that are under way are taken out of their shipment: the fulfilment service is asked to cancel it, and the part and the rest start when it has confirmed; when it is too late both end at F5.',
  tags,
  request: {
    params: wire.object({ orderId: orderNumber }),
    headers: wire.idempotencyHeaders,
    body: jsonBody(partBody, { lines: [{ lineNo: 1, quantity: 1 }] }),
  },
  responses: {
    202: json(shipmentSchema, 'The part; it starts at once, or when the shipment that held it is given up.'),
  },
});

const correct = route({
  method: 'put',
  path: '/v1/orders/{orderId}/shipments/{shipmentId}',
  access: ['merchant', 'operator'],
  summary: 'Correct carrier and tracking number (运单号)',
  description:
    '`If-Match` carries the version that was read; another one is refused with 412, so nothing newer is undone.',
  tags,
  request: {
    params: wire.object({
      orderId: orderNumber,
      shipmentId: z.string().regex(/^shp_[0-9a-z]{26}$/, 'must be a shipment id'),
    }),
    headers: wire.ifMatchHeaders,
    body: jsonBody(wire.object({ carrier: label(100), trackingNo: label(100) }), {
      carrier: 'SF Express',
      trackingNo: 'SF456',
    }),
  },
  responses: { 200: json(shipmentSchema, 'As it stands now; its version is in the ETag, too.') },
});

/** What the merchant and the warehouse do with shipments. */
export function fulfilmentRoutes(context: CoreContext) {
  const router = createRouter();
  router.openapi(part, async (c) => {
    const { orderId } = c.req.valid('param');
    const { lines } = c.req.valid('json');
    const key = c.req.valid('header')['idempotency-key'];
    const made = await shipPart(context, c.get('principal').name, { orderId, lines, key });
    return reply(c, onWire(made), 202);
  });
  router.openapi(correct, async (c) => {
    const version = versionOf(c.req.valid('header')['if-match']);
    const edit = { ...c.req.valid('param'), ...c.req.valid('json'), version };
    const done = await correctTracking(context, c.get('principal').name, edit);
    if (done.ok) c.header('ETag', etagOf(done.value.shipment.version));
    return reply(c, onWire(done));
  });
  return router;
}

function onWire(result: Result<ShipmentView>): Result<z.infer<typeof shipmentSchema>> {
  if (!result.ok) return result;
  const { shipment, lines } = result.value;
  return ok({
    shipmentId: shipment.id,
    orderId: shipment.order_id,
    state: stateOnWire(shipmentMachine, shipment.state),
    version: shipment.version,
    carrier: shipment.carrier,
    trackingNo: shipment.tracking_no,
    lines: lines.map(({ lineNo, quantity }) => ({ lineNo, quantity })),
  });
}
