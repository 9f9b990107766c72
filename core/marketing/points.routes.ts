import { z } from '@hono/zod-openapi';
import type { CoreContext } from '../context.ts';
import { ok } from '../kernel/errors.ts';
import { reply } from '../kernel/http/problem.ts';
import { createRouter, json, jsonBody, route } from '../kernel/http/route.ts';
import { label, numericId } from '../kernel/http/values.ts';
import { wire } from '../kernel/http/wire.ts';
import type { LotRow } from './points.store.ts';
import { grantPoints, MAX_LOTS, pointsOfUser } from './points.ts';

const tags = ['marketing'];
const params = wire.object({ userId: numericId });
/** What one grant may give: a slip of the finger must not make a fortune. */
const MOST_POINTS = 10_000_000;

const LOT = {
  lotId: 'lot_01kaexample0000000000000000',
  source: 'grant' as const,
  points: 500,
  rest: 500,
  expiresAt: '2027-11-11T00:00:00.000Z',
};

const lotSchema = wire
  .object({
    lotId: z.string(),
    source: z.enum(['grant', 'earned', 'returned']),
    points: z.int(),
    rest: z.int(),
    expiresAt: wire.time,
  })
  .openapi('PointsLot', { example: LOT });

const pointsSchema = wire
  .object({
    userId: z.string(),
    available: z.int().openapi({ description: 'What can be spent now' }),
    locked: z.int().openapi({ description: 'What unpaid orders hold' }),
    lots: z.array(lotSchema).max(MAX_LOTS).openapi({ description: 'Those that end first, which are spent first' }),
  })
  .openapi('Points', { example: { userId: '1001', available: 500, locked: 0, lots: [LOT] } });

const grant = route({
  method: 'post',
  path: '/v1/users/{userId}/points',
  access: ['merchant', 'operator'],
  summary: 'Grant points to a user',
  tags,
  request: {
    headers: wire.idempotencyHeaders,
    params,
    body: jsonBody(
      wire.object({
        points: z.int().min(1).max(MOST_POINTS),
        reason: label(500),
        validUntil: wire.time.optional().openapi({ description: 'Left out: a year from now' }),
      }),
      { points: 500, reason: 'sorry for the late parcel' },
    ),
  },
  responses: { 200: json(lotSchema, 'Granted before'), 201: json(lotSchema, 'The points') },
});

const read = route({
  method: 'get',
  path: '/v1/users/{userId}/points',
  access: ['viewer', 'shop', 'merchant'],
  summary: "A user's points and when they end",
  tags,
  request: { params },
  responses: { 200: json(pointsSchema, 'The points') },
});

/** Grant and read points. */
export function pointsRoutes(ctx: CoreContext) {
  const router = createRouter();

  router.openapi(grant, async (c) => {
    const { points, reason, validUntil } = c.req.valid('json');
    const wish = {
      userId: c.req.valid('param').userId,
      points,
      reason,
      validUntil: validUntil === undefined ? undefined : new Date(validUntil),
    };
    const granted = await grantPoints(ctx, c.get('principal').name, wish, c.req.valid('header')['idempotency-key']);
    if (!granted.ok) return reply(c, granted);
    const { lot, replayed } = granted.value;
    if (!replayed) return reply(c, ok(lotOnWire(lot)), 201);
    c.header('Idempotency-Replayed', 'true');
    return reply(c, ok(lotOnWire(lot)), 200);
  });

  router.openapi(read, async (c) => {
    const { userId } = c.req.valid('param');
    const { available, locked, lots } = await pointsOfUser(ctx.db, userId, ctx.clock.now());
    return reply(c, ok({ userId: String(userId), available, locked, lots: lots.map(lotOnWire) }));
  });

  return router;
}

function lotOnWire({ id, source, points, rest, expires_at: end }: LotRow): z.infer<typeof lotSchema> {
  return { lotId: id, source, points, rest, expiresAt: end.toISOString() };
}
