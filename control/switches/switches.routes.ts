import { z } from '@hono/zod-openapi';
import { ok } from '../../core/kernel/errors.ts';
import { signalOf } from '../../core/kernel/http/context.ts';
import { reply } from '../../core/kernel/http/problem.ts';
import { createRouter, json, jsonBody, route } from '../../core/kernel/http/route.ts';
import { etagOf, versionOf, wire } from '../../core/kernel/http/wire.ts';
import { switchFlip, switchFlipped, switchView } from '../api/contract.ts';
import type { ControlContext } from '../context.ts';
import { awaitPropagation } from '../instances/propagation.ts';
import { flipSwitch, listSwitches, readSwitch } from './switches.ts';

/** The longest that a flip may wait for acknowledgements; its request lives a little longer. */
const MAX_WAIT_MS = 9_000;
const DEFAULT_WAIT_MS = 2_000;

const params = wire.object({ key: z.string().min(1).max(200) });

const list = route({
  method: 'get',
  path: '/v1/switches',
  access: ['viewer'],
  summary: 'Every switch, what it does to the business, and how it stands',
  tags: ['switches'],
  responses: { 200: json(z.object({ items: z.array(switchView) }), 'The switches, by key') },
});

const read = route({
  method: 'get',
  path: '/v1/switches/{key}',
  access: ['viewer'],
  summary: 'One switch; its ETag is what a flip sends as If-Match',
  tags: ['switches'],
  request: { params },
  responses: { 200: json(switchView, 'The switch') },
});

const flip = route({
  method: 'put',
  path: '/v1/switches/{key}',
  access: ['operator'],
  summary: 'Flip a switch, and hear who enforces it',
  description:
    'Makes one revision and waits up to `waitMs` for the instances; the answer names how many enforce it and who does not. A switch that stands as asked is answered as it stands, without a revision.',
  tags: ['switches'],
  timeoutMs: MAX_WAIT_MS + 6_000,
  request: {
    params,
    query: wire.object({ waitMs: z.coerce.number().int().min(0).max(MAX_WAIT_MS).default(DEFAULT_WAIT_MS) }),
    headers: wire.ifMatchHeaders.extend(wire.idempotencyHeaders.partial().shape),
    body: jsonBody(switchFlip, { on: false, reason: 'the warehouse is full' }),
  },
  responses: { 200: json(switchFlipped, 'The switch after the flip, and how far it came') },
});

export function switchRoutes(context: Pick<ControlContext, 'db' | 'clock' | 'switches' | 'log' | 'feed' | 'inbox'>) {
  const { db, switches, feed } = context;
  const router = createRouter();

  router.openapi(list, async (c) => reply(c, ok({ items: await listSwitches(db, switches) })));

  router.openapi(read, async (c) => {
    const view = await readSwitch(db, switches, c.req.valid('param').key);
    if (view.ok) c.header('ETag', etagOf(view.value.version));
    return reply(c, view);
  });

  router.openapi(flip, async (c) => {
    const headers = c.req.valid('header');
    const { on, reason } = c.req.valid('json');
    const flipped = await flipSwitch(context, {
      key: c.req.valid('param').key,
      on,
      reason,
      version: versionOf(headers['if-match']),
      actor: c.get('principal'),
      idempotencyKey: headers['idempotency-key'],
    });
    if (!flipped.ok) return reply(c, flipped);
    const { view, revision } = flipped.value;
    const target = { epoch: feed.head.epoch, revision };
    const propagation = await awaitPropagation(context, target, c.req.valid('query').waitMs, signalOf(c));
    c.header('ETag', etagOf(view.version));
    return reply(c, ok({ switch: view, propagation }));
  });

  return router;
}
