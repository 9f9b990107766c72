import { z } from '@hono/zod-openapi';
import { createRouter, json, jsonBody, route } from '../kernel/http/route.ts';
import {
  CHANNELS,
  closeTrade,
  decideTrade,
  findRefund,
  findTrade,
  initTrade,
  refundTrade,
  refundView,
  tradeView,
} from './channel.ts';
import { answerWithFaults } from './edge.ts';
import { cancelShipment, findShipment, initShipment, moveShipment, shipmentView } from './fulfilment.ts';
import { deduct, findDeduction, rollback } from './marketing.ts';
import type { World } from './world.ts';

/** The services as their clients see them. Fields that a service does not know are its client's business: let through. */
const text = z.string().min(1).max(500);
const amount = z.int().positive();
const notifyUrl = z.url().max(500);
const view = json(z.any().openapi({ type: 'object', example: { state: 'open' } }), 'What the service knows now.');
const responses = { 200: view } as const;
const channel = z.enum(CHANNELS);

export const schemas = {
  init: z.object({
    tradeNo: text,
    merchantId: text,
    amount,
    currency: z.string().length(3),
    description: text.optional(),
    notifyUrl,
  }),
  refund: z.object({
    refundNo: text,
    tradeNo: text,
    merchantId: text,
    amount,
    currency: z.string().length(3),
    notifyUrl,
  }),
  deduct: z.object({
    attemptId: text,
    kind: text,
    resource: text,
    userId: z.coerce.string(),
    amount,
    currency: z.string().length(3),
  }),
  rollback: z.object({ attemptId: text, kind: text, resource: text }),
  shipment: z.object({
    shipmentId: text,
    orderId: text,
    goodsKind: z.enum(['physical', 'virtual']),
    address: z.unknown(),
    lines: z
      .array(z.object({ skuId: text, name: text, quantity: z.int().positive() }))
      .min(1)
      .max(2_000),
    notifyUrl,
  }),
};

const open = { access: 'open', responses } as const;
const tradeParams = z.object({ channel, tradeNo: text });

const routes = {
  init: route({
    ...open,
    method: 'post',
    path: '/channels/{channel}/trades',
    request: { params: z.object({ channel }), body: jsonBody(schemas.init) },
  }),
  query: route({
    ...open,
    method: 'get',
    path: '/channels/{channel}/trades/{tradeNo}',
    request: { params: tradeParams },
  }),
  close: route({
    ...open,
    method: 'post',
    path: '/channels/{channel}/trades/{tradeNo}/close',
    request: { params: tradeParams },
  }),
  refund: route({
    ...open,
    method: 'post',
    path: '/channels/{channel}/refunds',
    request: { params: z.object({ channel }), body: jsonBody(schemas.refund) },
  }),
  refundQuery: route({
    ...open,
    method: 'get',
    path: '/channels/{channel}/refunds/{refundNo}',
    request: { params: z.object({ channel, refundNo: text }) },
  }),
  deduct: route({
    ...open,
    method: 'post',
    path: '/marketing/deductions',
    request: { body: jsonBody(schemas.deduct) },
  }),
  deductionQuery: route({
    ...open,
    method: 'get',
    path: '/marketing/deductions',
    request: { query: schemas.rollback },
  }),
  rollback: route({
    ...open,
    method: 'post',
    path: '/marketing/deductions/rollback',
    request: { body: jsonBody(schemas.rollback) },
  }),
  ship: route({
    ...open,
    method: 'post',
    path: '/fulfilment/shipments',
    request: { body: jsonBody(schemas.shipment) },
  }),
  shipQuery: route({
    ...open,
    method: 'get',
    path: '/fulfilment/shipments/{shipmentId}',
    request: { params: z.object({ shipmentId: text }) },
  }),
  shipCancel: route({
    ...open,
    method: 'post',
    path: '/fulfilment/shipments/{shipmentId}/cancel',
    request: { params: z.object({ shipmentId: text }) },
  }),
};

const NONE = { state: 'none' } as const;
const OUT_OF_ORDER = 'refused by the sandbox (a fault)';

export function channelRoutes(world: World, baseUrl: string) {
  const router = createRouter();
  router.openapi(routes.init, async (c) => {
    const input = { ...c.req.valid('json'), channel: c.req.valid('param').channel };
    const where = { service: 'channel', channel: input.channel, operation: 'init' } as const;
    const run = async (refuseFor: string | null) => tradeView(await initTrade(world, input, refuseFor), baseUrl);
    return answerWithFaults(world, c, {
      where,
      work: async () => {
        const answer = await run(null);
        if (!world.faults.none && world.faults.strike('early_callback', where, world.clock.now()) !== null)
          await payEarly(world, input.tradeNo);
        return answer;
      },
      refuse: () => run(OUT_OF_ORDER),
      parked: { key: `trade:${input.tradeNo}`, operation: 'init', input },
    });
  });
  router.openapi(routes.query, async (c) => {
    const { channel, tradeNo } = c.req.valid('param');
    return answerWithFaults(world, c, {
      where: { service: 'channel', channel, operation: 'query' },
      work: async () => {
        const row = await findTrade(world.db, tradeNo, channel);
        return row === null ? NONE : tradeView(row, baseUrl);
      },
      asksFor: `trade:${tradeNo}`,
      none: NONE,
    });
  });
  router.openapi(routes.close, async (c) => {
    const { channel, tradeNo } = c.req.valid('param');
    return answerWithFaults(world, c, {
      where: { service: 'channel', channel, operation: 'close' },
      work: async () => tradeView(await closeTrade(world, channel, tradeNo), baseUrl),
    });
  });
  router.openapi(routes.refund, async (c) => {
    const input = { ...c.req.valid('json'), channel: c.req.valid('param').channel };
    return answerWithFaults(world, c, {
      where: { service: 'channel', channel: input.channel, operation: 'refund' },
      work: async () => refundView(await refundTrade(world, input)),
      refuse: async () => refundView(await refundTrade(world, input, OUT_OF_ORDER)),
      parked: { key: `refund:${input.refundNo}`, operation: 'refund', input },
    });
  });
  router.openapi(routes.refundQuery, async (c) => {
    const { channel, refundNo } = c.req.valid('param');
    return answerWithFaults(world, c, {
      where: { service: 'channel', channel, operation: 'refundQuery' },
      work: async () => {
        const row = await findRefund(world.db, channel, refundNo);
        return row === null ? NONE : refundView(row);
      },
      asksFor: `refund:${refundNo}`,
      none: NONE,
    });
  });
  return router;
}

/** The shopper pays and the channel's word is out before its answer to the init is. */
async function payEarly(world: World, tradeNo: string): Promise<void> {
  const decided = await decideTrade(world, tradeNo, 'paid');
  world.runNow(decided?.job ?? null);
}

export function marketingRoutes(world: World) {
  const router = createRouter();
  const keyOf = (k: { attemptId: string; kind: string; resource: string }): string =>
    `deduction:${k.attemptId}:${k.kind}:${k.resource}`;
  router.openapi(routes.deduct, async (c) => {
    const input = c.req.valid('json');
    return answerWithFaults(world, c, {
      where: { service: 'marketing', operation: 'deduct' },
      work: async () => ({ ...(await deduct(world, input)) }),
      refuse: async () => ({ ...(await deduct(world, input, OUT_OF_ORDER)) }),
      parked: { key: keyOf(input), operation: 'deduct', input },
    });
  });
  router.openapi(routes.deductionQuery, async (c) => {
    const key = c.req.valid('query');
    return answerWithFaults(world, c, {
      where: { service: 'marketing', operation: 'query' },
      work: async () => ({ ...(await findDeduction(world, key)) }),
      asksFor: keyOf(key),
      none: NONE,
    });
  });
  router.openapi(routes.rollback, async (c) =>
    answerWithFaults(world, c, {
      where: { service: 'marketing', operation: 'rollback' },
      work: async () => ({ ...(await rollback(world, c.req.valid('json'))) }),
    }),
  );
  return router;
}

export function fulfilmentRoutes(world: World) {
  const router = createRouter();
  router.openapi(routes.ship, async (c) => {
    const input = c.req.valid('json');
    const where = { service: 'fulfilment', operation: 'init' } as const;
    return answerWithFaults(world, c, {
      where,
      work: async () => {
        const answer = shipmentView(await initShipment(world, input));
        if (!world.faults.none && world.faults.strike('early_callback', where, world.clock.now()) !== null) {
          world.runNow((await moveShipment(world, input.shipmentId, 'delivered'))?.job ?? null);
        }
        return answer;
      },
      refuse: async () => shipmentView(await initShipment(world, input, OUT_OF_ORDER)),
      parked: { key: `shipment:${input.shipmentId}`, operation: 'ship', input },
    });
  });
  router.openapi(routes.shipQuery, async (c) => {
    const { shipmentId } = c.req.valid('param');
    return answerWithFaults(world, c, {
      where: { service: 'fulfilment', operation: 'query' },
      work: async () => {
        const row = await findShipment(world.db, shipmentId);
        return row === null ? NONE : shipmentView(row);
      },
      asksFor: `shipment:${shipmentId}`,
      none: NONE,
    });
  });
  router.openapi(routes.shipCancel, async (c) =>
    answerWithFaults(world, c, {
      where: { service: 'fulfilment', operation: 'cancel' },
      work: async () => shipmentView(await cancelShipment(world, c.req.valid('param').shipmentId)),
    }),
  );
  return router;
}
