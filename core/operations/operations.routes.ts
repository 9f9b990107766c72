import { z } from '@hono/zod-openapi';
import type { CoreContext } from '../context.ts';
import { ok } from '../kernel/errors.ts';
import { reply } from '../kernel/http/problem.ts';
import { createRouter, json, route } from '../kernel/http/route.ts';
import { label } from '../kernel/http/values.ts';
import { decodeCursor, encodeCursor, wire } from '../kernel/http/wire.ts';
import { ENTITY_TYPES, type Json, listOperations } from './operation-log.ts';

/** Whatever the room that wrote it found worth keeping. */
const written = z.custom<Json>(() => true).openapi({ type: 'object', description: 'JSON of the operation' });

const operation = wire
  .object({
    id: z.string(),
    actor: z.string(),
    entityType: z.enum(ENTITY_TYPES),
    entityId: z.string(),
    operation: z.string(),
    before: written,
    after: written,
    at: wire.time,
  })
  .openapi('Operation', {
    example: {
      id: '12',
      actor: 'a merchant',
      entityType: 'sku',
      entityId: '100001',
      operation: 'price',
      before: { price: 7900 },
      after: { price: 6900 },
      at: '2026-11-11T08:00:00.000Z',
    },
  });

const list = route({
  method: 'get',
  path: '/v1/operations',
  access: ['viewer', 'merchant'],
  summary: 'Who changed what the shop sells, the newest first',
  description: 'Of everything, or of one thing by `entityType` and `entityId`.',
  tags: ['operations'],
  request: {
    query: wire
      .object({ ...wire.page.shape, entityType: z.enum(ENTITY_TYPES).optional(), entityId: label(200).optional() })
      .refine((query) => (query.entityType === undefined) === (query.entityId === undefined), {
        path: ['entityId'],
        message: 'goes together with entityType',
      }),
  },
  responses: {
    200: json(wire.object({ items: z.array(operation), next: z.string().nullable() }), 'A page of operations', {
      items: [],
      next: null,
    }),
  },
});

/** The operation log, read over HTTP. */
export function operationRoutes(ctx: CoreContext) {
  const router = createRouter();
  router.openapi(list, async (c) => {
    const { cursor, limit, entityType, entityId } = c.req.valid('query');
    const before = cursor === undefined ? ok(null) : decodeCursor(z.int().min(1), cursor);
    if (!before.ok) return reply(c, before);
    const of = entityType === undefined || entityId === undefined ? null : { entityType, entityId };
    const found = await listOperations(ctx.db, of, before.value, limit + 1);
    const items = found.slice(0, limit);
    const next = found.length > limit ? encodeCursor(items.at(-1)?.id) : null;
    const shown = items.map(({ id, at, ...rest }) => ({ ...rest, id: String(id), at: at.toISOString() }));
    return reply(c, ok({ items: shown, next }));
  });
  return router;
}
