import { z } from '@hono/zod-openapi';
import type { CoreContext } from '../context.ts';
import { ok } from '../kernel/errors.ts';
import { reply } from '../kernel/http/problem.ts';
import { createRouter, json, jsonBody, route } from '../kernel/http/route.ts';
import { moneySchema, numericId, positiveMoney } from '../kernel/http/values.ts';
import { wire } from '../kernel/http/wire.ts';
import { type Coupon, findCoupon, grantCoupon } from './coupons.ts';

const code = z.string().regex(/^[A-Za-z0-9_-]{4,40}$/, 'must be 4 to 40 letters, digits, _ or -');

const couponSchema = wire
  .object({
    code: z.string(),
    userId: z.string().nullable(),
    amount: moneySchema,
    threshold: moneySchema,
    validUntil: wire.time,
    state: z.enum(['available', 'locked', 'used']),
    payOrderId: z.string().nullable(),
  })
  .openapi('Coupon');

const grant = route({
  method: 'post',
  path: '/v1/coupons',
  access: ['merchant'],
  summary: 'Grant a single-use coupon of a fixed amount',
  tags: ['marketing'],
  request: {
    headers: wire.idempotencyHeaders,
    body: jsonBody(
      wire.object({
        code: code.optional(),
        amount: positiveMoney,
        threshold: moneySchema.optional(),
        userId: numericId.optional(),
        validUntil: wire.time,
      }),
      {
        amount: { amount: 1000, currency: 'CNY' },
        threshold: { amount: 5000, currency: 'CNY' },
        userId: '1001',
        validUntil: '2027-01-01T00:00:00Z',
      },
    ),
  },
  responses: { 200: json(couponSchema, 'Granted before'), 201: json(couponSchema, 'The coupon') },
});

const read = route({
  method: 'get',
  path: '/v1/coupons/{code}',
  access: ['viewer', 'merchant', 'shop'],
  summary: 'A coupon and what holds it',
  tags: ['marketing'],
  request: { params: wire.object({ code }) },
  responses: { 200: json(couponSchema, 'The coupon') },
});

/** Grant and read coupons. */
export function couponRoutes(ctx: CoreContext) {
  const router = createRouter();

  router.openapi(grant, async (c) => {
    const body = c.req.valid('json');
    const granted = await grantCoupon(
      ctx,
      c.get('principal').name,
      { ...body, validUntil: new Date(body.validUntil) },
      c.req.valid('header')['idempotency-key'],
    );
    if (!granted.ok) return reply(c, granted);
    const { coupon, replayed } = granted.value;
    if (replayed) c.header('Idempotency-Replayed', 'true');
    return replayed ? reply(c, ok(onWire(coupon)), 200) : reply(c, ok(onWire(coupon)), 201);
  });

  router.openapi(read, async (c) => {
    const found = await findCoupon(ctx.db, c.req.valid('param').code);
    return reply(c, found.ok ? ok(onWire(found.value)) : found);
  });

  return router;
}

function onWire(coupon: Coupon): z.infer<typeof couponSchema> {
  return {
    ...coupon,
    userId: coupon.userId === null ? null : String(coupon.userId),
    validUntil: coupon.validUntil.toISOString(),
  };
}
