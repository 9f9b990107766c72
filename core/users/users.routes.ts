import { z } from '@hono/zod-openapi';
import type { CoreContext } from '../context.ts';
import { ok } from '../kernel/errors.ts';
import { reply } from '../kernel/http/problem.ts';
import { createRouter, json, jsonBody, route } from '../kernel/http/route.ts';
import { label, numericId } from '../kernel/http/values.ts';
import { wire } from '../kernel/http/wire.ts';
import { blockUser, readUser, setUserLevel, type User, unblockUser } from './users.ts';

const tags = ['users'];
const params = wire.object({ userId: numericId });
const MAX_LEVEL = 1_000;

const userSchema = wire
  .object({
    userId: z.string(),
    level: z.int(),
    blocked: wire.object({ since: wire.time, reason: z.string() }).nullable(),
  })
  .openapi('User', {
    example: {
      userId: '1001',
      level: 3,
      blocked: { since: '2026-11-11T00:00:00.000Z', reason: 'chargebacks of three cards in a day' },
    },
  });

const read = route({
  method: 'get',
  path: '/v1/users/{userId}',
  access: ['viewer', 'shop', 'merchant'],
  summary: 'What orders and payments go by of a user',
  description: 'Every user is known: one of whom nothing was said has level 0 and is not blocked.',
  tags,
  request: { params },
  responses: { 200: json(userSchema, 'The user') },
});

const setLevel = route({
  method: 'put',
  path: '/v1/users/{userId}/level',
  access: ['operator', 'shop'],
  summary: 'Set the level of a user',
  tags,
  request: { params, body: jsonBody(wire.object({ level: z.int().min(0).max(MAX_LEVEL) }), { level: 3 }) },
  responses: { 200: json(userSchema, 'The user as it is now') },
});

const reasonBody = (reason: string) => jsonBody(wire.object({ reason: label(500) }), { reason });

const block = route({
  method: 'post',
  path: '/v1/users/{userId}/block',
  access: ['operator', 'shop'],
  summary: 'Keep a user from ordering and paying',
  description:
    'Orders that stand can still be cancelled, shipped and refunded. Blocking twice changes nothing: the first reason stays.',
  tags,
  request: { params, body: reasonBody('chargebacks of three cards in a day') },
  responses: { 200: json(userSchema, 'The user as it is now') },
});

const unblock = route({
  method: 'post',
  path: '/v1/users/{userId}/unblock',
  access: ['operator'],
  summary: 'Let a blocked user order and pay again',
  tags,
  request: { params, body: reasonBody('the cards were reported stolen, and it was not the user') },
  responses: { 200: json(userSchema, 'The user as it is now') },
});

/** Users: their level, and whether they may order and pay. */
export function userRoutes(ctx: CoreContext) {
  return createRouter()
    .openapi(read, async (c) => reply(c, ok(toWire(await readUser(ctx.db, c.req.valid('param').userId)))))
    .openapi(setLevel, async (c) => {
      const { userId } = c.req.valid('param');
      return reply(c, ok(toWire(await setUserLevel(ctx, c.get('principal').name, userId, c.req.valid('json').level))));
    })
    .openapi(block, async (c) => {
      const { userId } = c.req.valid('param');
      return reply(c, ok(toWire(await blockUser(ctx, c.get('principal').name, userId, c.req.valid('json').reason))));
    })
    .openapi(unblock, async (c) => {
      const { userId } = c.req.valid('param');
      return reply(c, ok(toWire(await unblockUser(ctx, c.get('principal').name, userId, c.req.valid('json').reason))));
    });
}

function toWire({ userId, level, blocked }: User): z.infer<typeof userSchema> {
  return {
    userId: String(userId),
    level,
    blocked: blocked === null ? null : { since: blocked.since.toISOString(), reason: blocked.reason },
  };
}
