import { ok, refuse } from '../kernel/errors.ts';
import { reply } from '../kernel/http/problem.ts';
import { createRouter, json, jsonBody, route } from '../kernel/http/route.ts';
import { wire } from '../kernel/http/wire.ts';
import { answer, contradiction, type Forgery } from './edge.ts';
import { findReturn, initReturn, kickReturn, moveReturn, type ReturnInput } from './returns.ts';
import { returnView } from './views.ts';
import { key, returnAnswer, returnBody, returnStep } from './wire.ts';
import type { World } from './world.ts';

const params = wire.object({ returnNo: key });
const responses = { 200: json(returnAnswer, 'The return; 404 `{"state":"none"}`: no record.') };

const RETURN = {
  returnNo: 'ref_1',
  orderId: '1795557627000001001',
  lines: [{ skuId: '100001', name: 'T-shirt, red, S', quantity: 1 }],
  notifyUrl: 'http://127.0.0.1:4601/v1/callbacks/return',
};

const routes = {
  init: route({
    access: 'open',
    tags: ['fulfilment'],
    method: 'post',
    path: '/fulfilment/returns',
    summary: 'Takes a return on, once per number',
    request: { body: jsonBody(returnBody, RETURN) },
    responses,
  }),
  query: route({
    access: 'open',
    tags: ['fulfilment'],
    method: 'get',
    path: '/fulfilment/returns/{returnNo}',
    summary: 'The return as it stands',
    request: { params },
    responses,
  }),
  act: route({
    access: 'open',
    tags: ['acting'],
    method: 'post',
    path: '/sandbox/returns/{returnNo}',
    summary: 'What the warehouse does with a return',
    request: { params, body: jsonBody(wire.object({ result: returnStep }), { result: 'received' }) },
    responses: { 200: json(returnAnswer, 'The return as it stands now.') },
  }),
};

/** The fulfilment service's way back. */
export function returnRoutes(world: World) {
  const router = createRouter();
  const { db } = world;
  router.openapi(routes.init, async (c) => {
    const input = c.req.valid('json');
    return answer(world, c, {
      where: { service: 'fulfilment', operation: 'returnInit' },
      work: async (refuseFor) => {
        const row = (await initReturn(world, db, input, refuseFor)) ?? contradiction(`Return ${input.returnNo}`);
        kickReturn(world, row);
        return returnView(row);
      },
      late: { operation: 'initReturn', key: `return ${input.returnNo}`, input },
      early: async () => {
        const moved = await moveReturn(db, input.returnNo, 'received');
        return moved === null ? [] : [moved.message];
      },
      forgery: () => forged(world, input),
    });
  });
  router.openapi(routes.query, async (c) => {
    const { returnNo } = c.req.valid('param');
    return answer(world, c, {
      where: { service: 'fulfilment', operation: 'returnQuery' },
      asksFor: `return ${returnNo}`,
      work: async () => {
        const row = await findReturn(db, returnNo);
        return row === null ? ({ state: 'none' } as const) : returnView(row);
      },
    });
  });
  router.openapi(routes.act, async (c) => {
    const { returnNo } = c.req.valid('param');
    const { result } = c.req.valid('json');
    const moved = await moveReturn(db, returnNo, result);
    if (moved !== null) {
      world.callbacks.send([moved.message]);
      return reply(c, ok(returnView(moved.row)));
    }
    const row = await findReturn(db, returnNo);
    if (row === null) return reply(c, refuse('not_found', `There is no return ${returnNo}.`));
    if (row.state === result) return reply(c, ok(returnView(row)));
    return reply(c, refuse('wrong_state', `Return ${returnNo} is ${row.state}; it cannot become ${result}.`));
  });
  return router;
}

function forged(world: World, input: ReturnInput): Forgery {
  const occurredAt = world.clock.now().toISOString();
  const body = { type: 'return.received', source: 'fulfilment', returnNo: input.returnNo, occurredAt };
  return { source: 'fulfilment', subject: input.returnNo, url: input.notifyUrl, body: JSON.stringify(body) };
}
