import { createRouter, json, jsonBody, route } from '../kernel/http/route.ts';
import { wire } from '../kernel/http/wire.ts';
import { answer, contradiction, type Forgery } from './edge.ts';
import {
  cancelShipment,
  findShipment,
  initShipment,
  kickDelivery,
  moveShipment,
  type ShipmentInput,
} from './shipments.ts';
import { shipmentView } from './views.ts';
import { key, shipmentAnswer, shipmentBody } from './wire.ts';
import type { World } from './world.ts';

const open = {
  access: 'open' as const,
  tags: ['fulfilment'],
  responses: { 200: json(shipmentAnswer, 'The parcel; 404 `{"state":"none"}`: no record.') },
};
const params = wire.object({ shipmentId: key });

const PARCEL = {
  shipmentId: 'shp_1',
  orderId: '1795557627000001001',
  goodsKind: 'physical' as const,
  address: { recipient: 'Li Lei', line: '1 Nanjing Road' },
  lines: [{ skuId: '100001', name: 'T-shirt, red, S', quantity: 1 }],
  notifyUrl: 'http://127.0.0.1:4601/v1/callbacks/fulfilment',
};

const routes = {
  init: route({
    ...open,
    method: 'post',
    path: '/fulfilment/shipments',
    summary: 'Takes a parcel on, once per number',
    request: { body: jsonBody(shipmentBody, PARCEL) },
  }),
  query: route({
    ...open,
    method: 'get',
    path: '/fulfilment/shipments/{shipmentId}',
    summary: 'The parcel as it stands',
    request: { params },
  }),
  cancel: route({
    ...open,
    method: 'post',
    path: '/fulfilment/shipments/{shipmentId}/cancel',
    summary: 'Cancels a parcel that nobody has begun to pack; an unknown number is cancelled in advance',
    request: { params },
  }),
};

const NONE = { state: 'none' } as const;

export function fulfilmentRoutes(world: World) {
  const router = createRouter();
  const { db } = world;
  router.openapi(routes.init, async (c) => {
    const input = c.req.valid('json');
    return answer(world, c, {
      where: { service: 'fulfilment', operation: 'init' },
      work: async (refuseFor) => {
        const row = (await initShipment(world, db, input, refuseFor)) ?? contradiction(`Shipment ${input.shipmentId}`);
        kickDelivery(world, row);
        return shipmentView(row);
      },
      late: { operation: 'initShipment', key: `shipment ${input.shipmentId}`, input },
      early: async () => {
        const moved = await moveShipment(db, input.shipmentId, 'delivered');
        return moved === null ? [] : [moved.message];
      },
      forgery: () => forgedShipment(world, input),
    });
  });
  router.openapi(routes.query, async (c) => {
    const { shipmentId } = c.req.valid('param');
    return answer(world, c, {
      where: { service: 'fulfilment', operation: 'query' },
      asksFor: `shipment ${shipmentId}`,
      work: async () => {
        const row = await findShipment(db, shipmentId);
        return row === null ? NONE : shipmentView(row);
      },
    });
  });
  router.openapi(routes.cancel, async (c) => {
    const { shipmentId } = c.req.valid('param');
    return answer(world, c, {
      where: { service: 'fulfilment', operation: 'cancel' },
      work: async (refuseFor) => {
        if (refuseFor === null) return shipmentView(await cancelShipment(world, shipmentId));
        const row = await findShipment(db, shipmentId);
        return row === null ? NONE : { ...shipmentView(row), reason: refuseFor };
      },
    });
  });
  return router;
}

function forgedShipment(world: World, input: ShipmentInput): Forgery {
  const occurredAt = world.clock.now().toISOString();
  const body = { type: 'shipment.delivered', source: 'fulfilment', shipmentId: input.shipmentId, occurredAt };
  return { source: 'fulfilment', subject: input.shipmentId, url: input.notifyUrl, body: JSON.stringify(body) };
}
