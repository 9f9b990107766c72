import type { CoreContext } from '../context.ts';
import { ok } from '../kernel/errors.ts';
import { reply } from '../kernel/http/problem.ts';
import { createRouter, json, jsonBody, route } from '../kernel/http/route.ts';
import { label } from '../kernel/http/values.ts';
import { wire } from '../kernel/http/wire.ts';
import { accountId, rebuild, rebuildToWire } from './ledger.wire.ts';
import { decide, proposeRebuild } from './rebuild.ts';

const id = label(64).openapi({ example: 'rbd_01m87s5q3v9m4w8x2y6z0a1b2c' });
const because = (reason: string) => jsonBody(wire.object({ reason: label(500) }), { reason });
const tags = ['ledger'];

const routes = {
  propose: route({
    method: 'post',
    path: '/v1/accounts/{accountId}/rebuilds',
    access: ['operator'],
    summary: 'Propose to rebuild a drifted balance from the journal',
    tags,
    request: {
      params: wire.object({ accountId: accountId.openapi({ example: 'wallet:42:CNY' }) }),
      body: because('finding fnd_01m87s5q3v9m4w8x2y6z0a1b2c: torn restore'),
    },
    responses: { 201: json(rebuild, 'The proposal; another person approves it.') },
  }),
  approve: route({
    method: 'post',
    path: '/v1/rebuilds/{id}/approve',
    access: ['approver'],
    summary: 'Rebuild the balance: by another person than the one who proposed it',
    tags,
    request: { params: wire.object({ id }), body: because('compared with the statement') },
    responses: { 200: json(rebuild, 'Applied.') },
  }),
  reject: route({
    method: 'post',
    path: '/v1/rebuilds/{id}/reject',
    access: ['operator'],
    summary: 'Reject a proposed rebuild',
    tags,
    request: { params: wire.object({ id }), body: because('the account has moved since') },
    responses: { 200: json(rebuild, 'Rejected; nothing was changed.') },
  }),
};

/** Rebuilding a drifted balance by two people. */
export function rebuildRoutes(context: CoreContext) {
  const router = createRouter();

  router.openapi(routes.propose, async (c) => {
    const wish = { ...c.req.valid('param'), ...c.req.valid('json') };
    const made = await proposeRebuild(context, c.get('principal'), wish);
    return made.ok ? reply(c, ok(rebuildToWire(made.value)), 201) : reply(c, made);
  });

  router.openapi(routes.approve, async (c) => {
    const wish = { ...c.req.valid('param'), ...c.req.valid('json'), decision: 'applied' } as const;
    const done = await decide(context, c.get('principal'), wish);
    return reply(c, done.ok ? ok(rebuildToWire(done.value)) : done);
  });

  router.openapi(routes.reject, async (c) => {
    const wish = { ...c.req.valid('param'), ...c.req.valid('json'), decision: 'rejected' } as const;
    const done = await decide(context, c.get('principal'), wish);
    return reply(c, done.ok ? ok(rebuildToWire(done.value)) : done);
  });

  return router;
}
