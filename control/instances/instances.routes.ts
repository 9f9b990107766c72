import { z } from '@hono/zod-openapi';
import { instanceReport, REPORT_PATH, reportAnswer, SIGN_OFF_PATH } from '../../core/guard/protocol.ts';
import { ok } from '../../core/kernel/errors.ts';
import { reply } from '../../core/kernel/http/problem.ts';
import { createRouter, json, jsonBody, route } from '../../core/kernel/http/route.ts';
import { decodeCursor, encodeCursor, wire } from '../../core/kernel/http/wire.ts';
import { instanceStatus } from '../api/contract.ts';
import type { ControlContext } from '../context.ts';
import { listInstances, signOff } from './instances.store.ts';
import { heartbeatMs, retire, statusOf } from './instances.ts';

const EXAMPLE = {
  process: 'core',
  startedAt: '2026-11-11T00:00:00.000Z',
  source: 'control' as const,
  epoch: 'e1',
  revision: 7,
  hash: '0'.repeat(64),
  appliedAt: '2026-11-11T00:00:01.000Z',
  persisted: true,
  problem: null,
};

const heartbeat = route({
  method: 'post',
  path: REPORT_PATH,
  access: ['instance'],
  summary: 'What this instance enforces: its acknowledgement after a swap, and its heartbeat',
  tags: ['instances'],
  request: { body: jsonBody(instanceReport, EXAMPLE) },
  responses: { 200: json(reportAnswer, 'When to report next') },
});

const leave = route({
  method: 'post',
  path: SIGN_OFF_PATH,
  access: ['instance'],
  summary: 'This instance stops as planned, and no longer counts',
  tags: ['instances'],
  request: { body: jsonBody(wire.object({}), {}) },
  responses: { 200: json(wire.object({ name: z.string() }), 'Signed off') },
});

const list = route({
  method: 'get',
  path: '/v1/instances',
  access: ['viewer'],
  summary: 'Whether the rules are the same on all machines, and who is silent',
  tags: ['instances'],
  request: { query: wire.page },
  responses: {
    200: json(
      z.object({ items: z.array(instanceStatus), next: z.string().nullable() }),
      'A page of instances, by name',
    ),
  },
});

const reason = wire.object({ reason: z.string().trim().min(3).max(500) });

const retireRoute = route({
  method: 'post',
  path: '/v1/instances/{name}/retire',
  access: ['operator'],
  summary: 'Take an instance that is gone for good out of the total',
  tags: ['instances'],
  request: {
    params: wire.object({ name: z.string().min(1).max(100) }),
    body: jsonBody(reason, { reason: 'the machine was given back' }),
  },
  responses: { 200: json(instanceStatus, 'The instance as it is now') },
});

export function instanceRoutes(context: Pick<ControlContext, 'db' | 'clock' | 'feed' | 'inbox'>) {
  const { db, feed, inbox } = context;
  const router = createRouter();

  router.openapi(heartbeat, async (c) => {
    // The name comes from the token: an instance can speak for itself only.
    const taken = await inbox.take(c.get('principal').name, c.req.valid('json'));
    return taken.ok ? reply(c, ok({ heartbeatMs: heartbeatMs(feed.followers) })) : reply(c, taken);
  });

  router.openapi(leave, async (c) => {
    const { name } = c.get('principal');
    await signOff(db, name);
    return reply(c, ok({ name }));
  });

  router.openapi(list, async (c) => {
    const { cursor, limit } = c.req.valid('query');
    const from = cursor === undefined ? undefined : decodeCursor(z.string().max(200), cursor);
    if (from?.ok === false) return reply(c, from);
    const rows = await listInstances(db, from?.value, limit + 1);
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    const next = rows.length > limit && last !== undefined ? encodeCursor(last.name) : null;
    return reply(c, ok({ items: page.map((row) => statusOf(row, feed.head)), next }));
  });

  router.openapi(retireRoute, async (c) => {
    const { name } = c.req.valid('param');
    const retired = await retire(context, name, c.get('principal'), c.req.valid('json').reason);
    return retired.ok ? reply(c, ok(statusOf(retired.value, feed.head))) : reply(c, retired);
  });

  return router;
}
