import { z } from '@hono/zod-openapi';
import type { CoreContext } from '../context.ts';
import { ok } from '../kernel/errors.ts';
import { reply } from '../kernel/http/problem.ts';
import { createRouter, json, jsonBody, route } from '../kernel/http/route.ts';
import { moneySchema, numericId, positiveMoney } from '../kernel/http/values.ts';
import { decodeCursor, encodeCursor, wire } from '../kernel/http/wire.ts';
import { CURRENCIES, MAX_AMOUNT, money } from '../kernel/money.ts';
import { quoteCoupon, whyUnusable, worthOfRow } from './coupon-use.ts';
import { couponsOfUser } from './coupons.store.ts';
import { couponOf, findCoupon, grantCoupon } from './coupons.ts';
import { COUPON_EXAMPLE, couponCode, couponOnWire, couponSchema } from './coupons.wire.ts';
import { quotePoints } from './points.ts';

const tags = ['marketing'];

const grant = route({
  method: 'post',
  path: '/v1/coupons',
  access: ['merchant'],
  summary: 'Grant a single-use coupon of a fixed amount',
  tags,
  request: {
    headers: wire.idempotencyHeaders,
    body: jsonBody(
      wire.object({
        code: couponCode.optional(),
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
  tags,
  request: { params: wire.object({ code: couponCode }) },
  responses: { 200: json(couponSchema, 'The coupon') },
});

const quoteSchema = wire
  .object({
    coupon: wire.object({ code: z.string(), discount: moneySchema }).nullable(),
    points: z.int(),
    pointsAmount: moneySchema,
    payable: moneySchema,
  })
  .openapi('Quote', {
    example: {
      coupon: { code: 'SPRING10', discount: { amount: 1000, currency: 'CNY' } },
      points: 500,
      pointsAmount: { amount: 500, currency: 'CNY' },
      payable: { amount: 6400, currency: 'CNY' },
    },
  });

const quote = route({
  method: 'post',
  path: '/v1/coupons/quote',
  access: ['shop', 'merchant', 'viewer'],
  summary: 'What a coupon and points would take off goods of this worth; nothing is locked',
  tags,
  request: {
    body: jsonBody(
      wire.object({
        userId: numericId,
        goods: positiveMoney,
        couponCode: couponCode.optional(),
        points: z.int().min(1).max(MAX_AMOUNT).optional(),
      }),
      { userId: '1001', goods: { amount: 7900, currency: 'CNY' }, couponCode: 'SPRING10', points: 500 },
    ),
  },
  responses: { 200: json(quoteSchema, 'The quote') },
});

const listedCoupon = wire.object({
  ...couponSchema.shape,
  usable: z.boolean().openapi({ description: 'For the goods that were asked with' }),
  discount: moneySchema.nullable(),
  reason: z.string().nullable().openapi({ description: 'Why it is not usable' }),
});

const list = route({
  method: 'get',
  path: '/v1/users/{userId}/coupons',
  access: ['viewer', 'shop', 'merchant'],
  summary: "A user's coupons, and whether each can be used for goods of this worth",
  tags,
  request: {
    params: wire.object({ userId: numericId }),
    query: wire.object({
      ...wire.page.shape,
      all: z.enum(['true', 'false']).default('false').openapi({ description: 'Also those that are used or over' }),
      goods: z.coerce.number().int().min(0).max(MAX_AMOUNT).default(MAX_AMOUNT),
      currency: z.enum(CURRENCIES).default('CNY'),
    }),
  },
  responses: {
    200: json(wire.object({ items: z.array(listedCoupon), next: z.string().nullable() }), 'A page of coupons', {
      items: [{ ...COUPON_EXAMPLE, usable: true, discount: { amount: 1000, currency: 'CNY' }, reason: null }],
      next: null,
    }),
  },
});

/** Grant, read and quote coupons. */
export function couponRoutes(ctx: CoreContext) {
  const router = createRouter();

  router.openapi(grant, async (c) => {
    const body = c.req.valid('json');
    const wish = { ...body, validUntil: new Date(body.validUntil) };
    const granted = await grantCoupon(ctx, c.get('principal').name, wish, c.req.valid('header')['idempotency-key']);
    if (!granted.ok) return reply(c, granted);
    const { coupon, replayed } = granted.value;
    if (replayed) c.header('Idempotency-Replayed', 'true');
    return replayed ? reply(c, ok(couponOnWire(coupon)), 200) : reply(c, ok(couponOnWire(coupon)), 201);
  });

  router.openapi(read, async (c) => {
    const found = await findCoupon(ctx.db, c.req.valid('param').code);
    return reply(c, found.ok ? ok(couponOnWire(found.value)) : found);
  });

  router.openapi(quote, async (c) => {
    const { userId, goods, couponCode: code, points } = c.req.valid('json');
    const order = { userId, goods, now: ctx.clock.now() };
    const coupon = code === undefined ? ok(null) : await quoteCoupon(ctx, code, order);
    if (!coupon.ok) return reply(c, coupon);
    const off = coupon.value?.discount ?? 0;
    const used = quotePoints(points ?? 0, [goods.amount], off, goods.currency);
    const cash = (amount: number) => money(amount, goods.currency);
    return reply(
      c,
      ok({
        coupon: coupon.value === null ? null : { code: coupon.value.asked, discount: cash(off) },
        points: used.points,
        pointsAmount: cash(used.pointsAmount),
        payable: cash(goods.amount - off - used.pointsAmount),
      }),
    );
  });

  router.openapi(list, async (c) => {
    const { cursor, limit, all, goods, currency } = c.req.valid('query');
    const { userId } = c.req.valid('param');
    const after = cursor === undefined ? ok(undefined) : decodeCursor(couponCode, cursor);
    if (!after.ok) return reply(c, after);
    const now = ctx.clock.now();
    const page = { after: after.value, limit: limit + 1, usableAt: all === 'true' ? null : now };
    const rows = await couponsOfUser(ctx.db, userId, page);
    const shown = rows.slice(0, limit);
    const last = shown.at(-1);
    const items = shown.map((row) => {
      const refused = whyUnusable(row, { userId, goods: money(goods, currency), now });
      const discount = refused === null ? money(worthOfRow(row, goods), row.currency) : null;
      return { ...couponOnWire(couponOf(row)), usable: refused === null, discount, reason: refused?.detail ?? null };
    });
    return reply(c, ok({ items, next: rows.length > limit && last !== undefined ? encodeCursor(last.code) : null }));
  });

  return router;
}
