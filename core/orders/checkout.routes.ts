import { z } from '@hono/zod-openapi';
import { MAX_LINES } from '../carts/carts.ts';
import { cartParams } from '../carts/carts.wire.ts';
import type { CoreContext } from '../context.ts';
import { refusalOf } from '../guard/refusal.ts';
import { signalOf } from '../kernel/http/context.ts';
import { reply } from '../kernel/http/problem.ts';
import { createRouter, json, jsonBody, route } from '../kernel/http/route.ts';
import { moneySchema, numericId } from '../kernel/http/values.ts';
import { wire } from '../kernel/http/wire.ts';
import { checkoutCart } from './checkout.ts';
import { CREATED } from './orders.examples.ts';
import { createdSchema, orderBody } from './orders.wire.ts';
import { submittedReply } from './submit.reply.ts';
import { ticketSchema } from './tickets.wire.ts';

const { guest: _, items: __, ...asOrdered } = orderBody.shape;

const lines = z
  .array(wire.object({ skuId: numericId, expectedPrice: moneySchema.optional() }))
  .min(1)
  .max(MAX_LINES)
  .refine((all) => new Set(all.map(({ skuId }) => skuId)).size === all.length, 'must name each SKU once')
  .openapi({ description: 'Some of its lines, with the prices that the shopper saw; without it all are bought.' });

const checkout = route({
  method: 'post',
  path: '/v1/carts/{cartId}/checkout',
  access: ['shop'],
  summary: "Buy a user's cart, or some of its lines",
  description:
    "As POST /v1/orders, with the cart's quantities. The bought lines leave the cart together with the order's writing. A visitor's cart is merged first.",
  tags: ['carts'],
  request: {
    params: cartParams,
    headers: wire.idempotencyHeaders,
    body: jsonBody(wire.object({ ...asOrdered, lines: lines.optional() }), {
      userId: '1001',
      type: 'physical',
      lines: [{ skuId: '100001', expectedPrice: { amount: 7900, currency: 'CNY' } }],
      address: { recipient: 'Li Lei', line: '1 Nanjing Road', city: 'Shanghai' },
    }),
  },
  responses: {
    200: json(createdSchema, 'Placed before', CREATED),
    201: json(createdSchema, 'The orders', CREATED),
    202: json(ticketSchema, 'Stored up: a place in the queue'),
  },
});

/** Buying a cart. */
export function checkoutRoutes(ctx: CoreContext) {
  return createRouter().openapi(checkout, async (c) => {
    const wish = { ...c.req.valid('json'), cartId: c.req.valid('param').cartId };
    const pass = ctx.guard.enter('order.create', { user: String(wish.userId) });
    if (!pass.allowed) return reply(c, refusalOf(pass));
    try {
      const key = c.req.valid('header')['idempotency-key'];
      const submitted = await checkoutCart(ctx, c.get('principal').name, wish, key, signalOf(c));
      return await submittedReply(ctx, c, submitted);
    } finally {
      pass.release();
    }
  });
}
