import { z } from '@hono/zod-openapi';
import type { CoreContext } from '../context.ts';
import { ok } from '../kernel/errors.ts';
import { reply } from '../kernel/http/problem.ts';
import { createRouter, json, route } from '../kernel/http/route.ts';
import { numericId } from '../kernel/http/values.ts';
import { decodeCursor, encodeCursor, wire } from '../kernel/http/wire.ts';
import { type Notification, notificationsOf } from './notifications.ts';
import { readStatistics, type StatisticRow } from './statistics.ts';

const notification = z
  .object({
    id: z.string(),
    what: z.string(),
    about: z.string(),
    payOrderId: z.string(),
    message: z.string(),
    at: wire.time,
  })
  .openapi('Notification', {
    example: {
      id: '17',
      what: 'order.paid',
      about: '1795708800001042001',
      payOrderId: '1795708800001042000',
      message: 'Your payment arrived. 支付成功',
      at: '2026-11-11T00:00:03.000Z',
    },
  });

const statistic = z
  .object({
    bucket: wire.time,
    type: z.string(),
    currency: z.string().openapi({ description: 'XXX where no money is named.' }),
    count: z.int(),
    amount: z.string().openapi({ description: 'Minor units, as text: sums may pass 2^53.' }),
  })
  .openapi('Statistic', {
    example: { bucket: '2026-11-11T00:00:00.000Z', type: 'order.paid', currency: 'CNY', count: 2, amount: '15800' },
  });

const grain = z.enum(['minute', 'day']);
const place = z.tuple([z.iso.datetime(), z.string().max(100), z.string().max(3)]);

const routes = {
  notifications: route({
    method: 'get',
    path: '/v1/users/{userId}/notifications',
    access: ['shop', 'viewer'],
    summary: 'What a user was told, newest first',
    tags: ['notifications'],
    request: { params: wire.object({ userId: numericId }), query: wire.page },
    responses: { 200: json(z.object({ items: z.array(notification), next: z.string().nullable() }), 'One page.') },
  }),
  statistics: route({
    method: 'get',
    path: '/v1/statistics',
    access: ['viewer'],
    summary: 'What happened per minute or day, by event type and currency, newest first',
    tags: ['statistics'],
    request: {
      query: wire.page.extend({
        grain: grain.default('minute').openapi({ example: 'day' }),
        type: z.string().max(100).optional().openapi({ example: 'order.paid' }),
      }),
    },
    responses: { 200: json(z.object({ items: z.array(statistic), next: z.string().nullable() }), 'One page.') },
  }),
};

/** What the consumers of the core have to show. */
export function consumerRoutes(context: CoreContext) {
  const router = createRouter();

  router.openapi(routes.notifications, async (c) => {
    const { cursor, limit } = c.req.valid('query');
    const before = cursor === undefined ? ok(null) : decodeCursor(z.int().positive(), cursor);
    if (!before.ok) return reply(c, before);
    const rows = await notificationsOf(context.db, c.req.valid('param').userId, before.value, limit + 1);
    const items = rows.slice(0, limit);
    const next = rows.length > limit ? encodeCursor(items.at(-1)?.id) : null;
    return reply(c, ok({ items: items.map(notificationToWire), next }));
  });

  router.openapi(routes.statistics, async (c) => {
    const { cursor, limit, ...want } = c.req.valid('query');
    const from = cursor === undefined ? ok(null) : decodeCursor(place, cursor);
    if (!from.ok) return reply(c, from);
    const before =
      from.value === null ? null : { bucket: new Date(from.value[0]), type: from.value[1], currency: from.value[2] };
    const rows = await readStatistics(context.db, {
      grain: want.grain,
      type: want.type ?? null,
      before,
      limit: limit + 1,
    });
    const items = rows.slice(0, limit);
    const last = items.at(-1);
    const more = rows.length > limit && last !== undefined;
    const next = more ? encodeCursor([last.bucket.toISOString(), last.type, last.currency]) : null;
    return reply(c, ok({ items: items.map(statisticToWire), next }));
  });

  return router;
}

function notificationToWire(view: Notification): z.infer<typeof notification> {
  return { ...view, id: String(view.id), at: view.at.toISOString() };
}

function statisticToWire(row: StatisticRow): z.infer<typeof statistic> {
  return { ...row, bucket: row.bucket.toISOString() };
}
