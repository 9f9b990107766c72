import { z } from '@hono/zod-openapi';
import type { CoreContext } from '../context.ts';
import { refusalOf } from '../guard/refusal.ts';
import { ok, refuse } from '../kernel/errors.ts';
import { signalOf } from '../kernel/http/context.ts';
import { reply } from '../kernel/http/problem.ts';
import { createRouter, json, jsonBody, route } from '../kernel/http/route.ts';
import { numericId, orderNumber } from '../kernel/http/values.ts';
import { decodeCursor, encodeCursor, wire } from '../kernel/http/wire.ts';
import { CREATED, ORDER, PAGE, PAY_ORDER_SHOWN } from './orders.examples.ts';
import { listOrders, readOrder, readPayOrder } from './orders.read.ts';

import {
  createdSchema,
  orderBody,
  orderOnWire,
  orderSchema,
  payOrderOnWire,
  payOrderSchema,
  summaryOnWire,
  summarySchema,
} from './orders.wire.ts';
import { submittedReply } from './submit.reply.ts';
import { createOrder } from './submit.ts';
import { ticketSchema } from './tickets.wire.ts';

const tags = ['orders'];

const EXAMPLE = {
  userId: '1001',
  type: 'physical',
  items: [{ skuId: '100001', quantity: 1 }],
  address: { recipient: 'Li Lei', line: '1 Nanjing Road', city: 'Shanghai' },
};

const create = route({
  method: 'post',
  path: '/v1/orders',
  access: ['shop'],
  summary: 'Place an order',
  description:
    'One order per shop and warehouse, under one pay order. The Idempotency-Key is unique per user: the same key with the same body answers the first result with 200 and `Idempotency-Replayed: true`; with another body it is refused. While orders are stored up the answer is a ticket: ask GET /v1/tickets/{ticketId} what becomes of it.',
  tags,
  request: { headers: wire.idempotencyHeaders, body: jsonBody(orderBody, EXAMPLE) },
  responses: {
    200: json(createdSchema, 'Placed before', CREATED),
    201: json(createdSchema, 'The order', CREATED),
    202: json(ticketSchema, 'Stored up: a place in the queue'),
  },
});

const read = route({
  method: 'get',
  path: '/v1/orders/{orderId}',
  access: ['viewer', 'shop', 'merchant'],
  summary: 'An order with its lines, payments, shipments, refunds and timeline',
  tags,
  request: { params: wire.object({ orderId: orderNumber }) },
  responses: { 200: json(orderSchema, 'The order', ORDER) },
});

const list = route({
  method: 'get',
  path: '/v1/orders',
  access: ['viewer', 'shop', 'merchant'],
  summary: "A user's orders, the newest first",
  tags,
  request: { query: wire.object({ ...wire.page.shape, userId: numericId }) },
  responses: {
    200: json(wire.object({ items: z.array(summarySchema), next: z.string().nullable() }), 'A page of orders', PAGE),
  },
});

const readPay = route({
  method: 'get',
  path: '/v1/pay-orders/{payOrderId}',
  access: ['viewer', 'shop', 'merchant'],
  summary: 'A pay order with its orders and payment attempts',
  tags,
  request: { params: wire.object({ payOrderId: orderNumber }) },
  responses: { 200: json(payOrderSchema, 'The pay order', PAY_ORDER_SHOWN) },
});

/** Placing and reading orders. */
export function orderRoutes(ctx: CoreContext) {
  const router = createRouter();

  router.openapi(create, async (c) => {
    const wish = c.req.valid('json');
    const pass = ctx.guard.enter('order.create', { user: String(wish.userId) });
    if (!pass.allowed) return reply(c, refusalOf(pass));
    try {
      const key = c.req.valid('header')['idempotency-key'];
      return await submittedReply(ctx, c, await createOrder(ctx, c.get('principal').name, wish, key, signalOf(c)));
    } finally {
      pass.release();
    }
  });

  router.openapi(read, async (c) => {
    const { orderId } = c.req.valid('param');
    const record = await readOrder(ctx.db, orderId, signalOf(c));
    return reply(
      c,
      record === null ? refuse('order_unknown', `No order has the number ${orderId}.`) : ok(orderOnWire(record)),
    );
  });

  router.openapi(list, async (c) => {
    const { userId, cursor, limit } = c.req.valid('query');
    const before = cursor === undefined ? ok(undefined) : decodeCursor(orderNumber, cursor);
    if (!before.ok) return reply(c, before);
    const rows = await listOrders(ctx.db, userId, before.value, limit + 1);
    const items = rows.slice(0, limit);
    const last = items.at(-1);
    const next = rows.length > limit && last !== undefined ? encodeCursor(last.id) : null;
    return reply(c, ok({ items: items.map(summaryOnWire), next }));
  });

  router.openapi(readPay, async (c) => {
    const { payOrderId } = c.req.valid('param');
    const record = await readPayOrder(ctx.db, payOrderId, signalOf(c));
    return reply(
      c,
      record === null
        ? refuse('pay_order_unknown', `No pay order has the number ${payOrderId}.`)
        : ok(payOrderOnWire(record)),
    );
  });

  return router;
}
