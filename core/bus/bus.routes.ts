import { z } from '@hono/zod-openapi';
import type { CoreContext } from '../context.ts';
import { ok } from '../kernel/errors.ts';
import { reply } from '../kernel/http/problem.ts';
import { createRouter, json, jsonBody, route } from '../kernel/http/route.ts';
import { label } from '../kernel/http/values.ts';
import { decodeCursor, encodeCursor, wire } from '../kernel/http/wire.ts';
import type { ParkedEvent } from './desk.store.ts';
import { askAgain, type ConsumerView, consumersOf, dismiss, parkedOf, type ReplayFrom, replay } from './desk.ts';

const name = z
  .string()
  .regex(/^[a-z][a-z0-9._-]{0,63}$/, 'must be the name of a consumer, such as statistics')
  .openapi({ example: 'statistics' });
const eventId = z
  .string()
  .regex(/^[1-9]\d{0,15}$/, 'must be the id of an event')
  .transform(Number)
  .openapi({ type: 'string', example: '4711' });
const reason = label(500);

const position = z.object({ xid: z.string(), eventId: z.string() });

const consumer = z
  .object({
    name: z.string(),
    cursor: position,
    lagSeconds: z.number().openapi({ description: 'Age of the oldest event that it has not handled.' }),
    parked: z.int(),
    holder: z.string().nullable().openapi({ description: 'Who reads now; null when nobody does.' }),
    tries: z.int(),
    retryAt: wire.time.nullable(),
    lastError: z.string().nullable(),
  })
  .openapi('BusConsumer', {
    example: {
      name: 'statistics',
      cursor: { xid: '8412', eventId: '4711' },
      lagSeconds: 0.4,
      parked: 0,
      holder: 'core:core-1/c_01m87s5q3v9m4w8x2y6z0a1b2c',
      tries: 0,
      retryAt: null,
      lastError: null,
    },
  });

const parked = z
  .object({
    eventId: z.string(),
    type: z.string(),
    entityId: z.string(),
    payOrderId: z.string().nullable(),
    reason: z.string(),
    parkedAt: wire.time,
    askedAt: wire.time.nullable().openapi({ description: 'When somebody asked that it be taken again.' }),
  })
  .openapi('ParkedEvent', {
    example: {
      eventId: '4711',
      type: 'order.paid',
      entityId: '1795708800001042001',
      payOrderId: '1795708800001042000',
      reason: 'the search index does not answer',
      parkedAt: '2026-11-11T00:00:07.000Z',
      askedAt: null,
    },
  });

const from = z
  .discriminatedUnion('kind', [
    wire.object({ kind: z.literal('beginning') }),
    wire.object({ kind: z.literal('event'), eventId }),
    wire.object({ kind: z.literal('time'), at: wire.time }),
  ])
  .openapi({
    description: 'The beginning of history, an event (seen again too), or a moment (from a minute before it).',
  });

const tags = ['bus'];
const why = jsonBody(wire.object({ reason }), { reason: 'the index answers again' });

const routes = {
  list: route({
    method: 'get',
    path: '/v1/consumers',
    access: ['viewer'],
    summary: 'Consumers of the OrderBus: how far they are, how late, what they have set aside',
    tags,
    responses: { 200: json(z.object({ items: z.array(consumer) }), 'All of them, by name.') },
  }),
  replay: route({
    method: 'post',
    path: '/v1/consumers/{name}/replay',
    access: ['operator'],
    summary: 'Send a consumer back: it sees every event from there on again',
    tags,
    request: {
      params: wire.object({ name }),
      body: jsonBody(wire.object({ from, reason }), {
        from: { kind: 'time', at: '2026-11-11T00:00:00.000Z' },
        reason: 'the search index was restored from the night before',
      }),
    },
    responses: {
      200: json(z.object({ cursor: position }), 'Where it goes on from.', { cursor: { xid: '8390', eventId: '4650' } }),
    },
  }),
  parked: route({
    method: 'get',
    path: '/v1/consumers/{name}/parked',
    access: ['viewer'],
    summary: 'Events that a consumer could not take, oldest first',
    tags,
    request: { params: wire.object({ name }), query: wire.page },
    responses: { 200: json(z.object({ items: z.array(parked), next: z.string().nullable() }), 'One page.') },
  }),
  again: route({
    method: 'post',
    path: '/v1/consumers/{name}/parked/{eventId}/retry',
    access: ['operator'],
    summary: 'Hand a parked event to its consumer again, within seconds',
    tags,
    request: { params: wire.object({ name, eventId }), body: why },
    responses: { 202: json(parked, 'Asked for. When it fails again it stays parked, with its new reason.') },
  }),
  dismiss: route({
    method: 'post',
    path: '/v1/consumers/{name}/parked/{eventId}/dismiss',
    access: ['operator'],
    summary: 'Give a parked event up: it will not be handled',
    tags,
    request: { params: wire.object({ name, eventId }), body: why },
    responses: { 200: json(parked, 'What it was; the operation log keeps it.') },
  }),
};

/** The desk of the bus over HTTP. Consumers of other processes too: what is asked for is done by who runs them. */
export function busRoutes(context: CoreContext) {
  const router = createRouter();

  router.openapi(routes.list, async (c) => {
    return reply(c, ok({ items: (await consumersOf(context)).map(consumerToWire) }));
  });

  router.openapi(routes.replay, async (c) => {
    const { from: wished, reason: because } = c.req.valid('json');
    const wish = { name: c.req.valid('param').name, from: startOf(wished), reason: because };
    const done = await replay(context, c.get('principal').name, wish);
    if (!done.ok) return reply(c, done);
    return reply(c, ok({ cursor: { xid: done.value.xid, eventId: String(done.value.eventId) } }));
  });

  router.openapi(routes.parked, async (c) => {
    const { cursor, limit } = c.req.valid('query');
    const after = cursor === undefined ? ok(0) : decodeCursor(z.int().positive(), cursor);
    if (!after.ok) return reply(c, after);
    const page = { name: c.req.valid('param').name, after: after.value, limit: limit + 1 };
    const rows = await parkedOf(context, page);
    if (!rows.ok) return reply(c, rows);
    const items = rows.value.slice(0, limit);
    const next = rows.value.length > limit ? encodeCursor(items.at(-1)?.eventId) : null;
    return reply(c, ok({ items: items.map(parkedToWire), next }));
  });

  router.openapi(routes.again, async (c) => {
    const wish = { ...c.req.valid('param'), ...c.req.valid('json') };
    const done = await askAgain(context, c.get('principal').name, wish);
    return done.ok ? reply(c, ok(parkedToWire(done.value)), 202) : reply(c, done);
  });

  router.openapi(routes.dismiss, async (c) => {
    const wish = { ...c.req.valid('param'), ...c.req.valid('json') };
    const done = await dismiss(context, c.get('principal').name, wish);
    return reply(c, done.ok ? ok(parkedToWire(done.value)) : done);
  });

  return router;
}

function startOf(wished: z.infer<typeof from>): ReplayFrom {
  return wished.kind === 'time' ? { kind: 'time', at: new Date(wished.at) } : wished;
}

function consumerToWire(view: ConsumerView): z.infer<typeof consumer> {
  const { xid, eventId: id, oldest: _, retryAt, ...rest } = view;
  return { ...rest, cursor: { xid, eventId: String(id) }, retryAt: retryAt?.toISOString() ?? null };
}

function parkedToWire(event: ParkedEvent): z.infer<typeof parked> {
  return {
    ...event,
    eventId: String(event.eventId),
    parkedAt: event.parkedAt.toISOString(),
    askedAt: event.askedAt?.toISOString() ?? null,
  };
}
