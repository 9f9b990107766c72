import { createRouter, json, jsonBody, route } from '../kernel/http/route.ts';
import { type DeductionKey, type DeductionRow, deduct, findDeduction, rollBack } from './deductions.ts';
import { answer, contradiction } from './edge.ts';
import { type DeductionAnswer, deductionAnswer, deductionBody, deductionKey } from './wire.ts';
import type { World } from './world.ts';

const open = {
  access: 'open' as const,
  tags: ['marketing'],
  responses: { 200: json(deductionAnswer, 'The deduction; 404 `{"state":"none"}`: no record.') },
};

const KEY = { attemptId: 'pay_1', kind: 'coupon', resource: 'SPRING10' } as const;

const routes = {
  deduct: route({
    ...open,
    method: 'post',
    path: '/marketing/deductions',
    summary: 'Uses a resource for a payment attempt, once per key',
    request: { body: jsonBody(deductionBody, { ...KEY, userId: '1001', amount: 1000, currency: 'CNY' }) },
  }),
  query: route({
    ...open,
    method: 'get',
    path: '/marketing/deductions',
    summary: 'The deduction as it stands',
    request: { query: deductionKey },
  }),
  rollback: route({
    ...open,
    method: 'post',
    path: '/marketing/deductions/rollback',
    summary: 'Gives a resource back; an unknown key is rolled back in advance',
    request: { body: jsonBody(deductionKey, KEY) },
  }),
};

export function marketingRoutes(world: World) {
  const router = createRouter();
  const { db } = world;
  router.openapi(routes.deduct, async (c) => {
    const input = c.req.valid('json');
    return answer(world, c, {
      where: { service: 'marketing', operation: 'deduct' },
      work: async (refuseFor) =>
        deductView((await deduct(db, input, refuseFor)) ?? contradiction(`Deduction ${keyOf(input)}`)),
      late: { operation: 'deduct', key: keyOf(input), input },
    });
  });
  router.openapi(routes.query, async (c) => {
    const asked = c.req.valid('query');
    return answer(world, c, {
      where: { service: 'marketing', operation: 'query' },
      asksFor: keyOf(asked),
      work: async () => {
        const row = await findDeduction(db, asked);
        return row === null ? { state: 'none' as const } : deductionView(row);
      },
    });
  });
  router.openapi(routes.rollback, async (c) => {
    const asked = c.req.valid('json');
    return answer(world, c, {
      where: { service: 'marketing', operation: 'rollback' },
      work: async () => deductionView(await rollBack(world, asked)),
    });
  });
  return router;
}

function keyOf({ attemptId, kind, resource }: DeductionKey): string {
  return `deduction ${attemptId} ${kind} ${resource}`;
}

function deductionView(row: DeductionRow): DeductionAnswer {
  return {
    attemptId: row.attempt_id,
    kind: row.kind,
    resource: row.resource,
    state: row.state,
    ...(row.reason === null ? {} : { reason: row.reason }),
  };
}

/** To a request that comes after the rollback, the tombstone is a clear no. */
function deductView(row: DeductionRow): DeductionAnswer {
  return row.tombstone
    ? { ...deductionView(row), state: 'refused', reason: 'it was rolled back before this request arrived' }
    : deductionView(row);
}
