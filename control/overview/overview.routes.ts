import { z } from '@hono/zod-openapi';
import { ok } from '../../core/kernel/errors.ts';
import { reply } from '../../core/kernel/http/problem.ts';
import { createRouter, json, route } from '../../core/kernel/http/route.ts';
import { decodeCursor, encodeCursor, wire } from '../../core/kernel/http/wire.ts';
import { checkStatus, finding, overview, repairStatus } from '../api/contract.ts';
import { readChecks, verdictOf } from './checks.ts';
import { FINDING_STATUSES, findingPlace, listFindings } from './findings.ts';
import { type OverviewContext, OverviewReader } from './overview.ts';
import { repairStatuses } from './repairs.ts';

const overviewRoute = route({
  method: 'get',
  path: '/v1/overview',
  access: ['viewer'],
  summary: 'Whether money is being lost, what is stuck, what is switched: one call for the first screen',
  tags: ['overview'],
  responses: { 200: json(overview, 'At most half a second old') },
});

const checksRoute = route({
  method: 'get',
  path: '/v1/checks',
  access: ['viewer'],
  summary: 'Every check with its verdict, what it covered and how old it is',
  tags: ['overview'],
  responses: {
    200: json(
      z.object({ verdict: checkStatus.shape.verdict, verdictReason: z.string(), items: z.array(checkStatus) }),
      'The verdict over all, and the checks',
    ),
  },
});

const repairsRoute = route({
  method: 'get',
  path: '/v1/repairs',
  access: ['viewer'],
  summary: 'Every repair with its last run and the share of each replica',
  tags: ['overview'],
  responses: { 200: json(z.object({ items: z.array(repairStatus) }), 'The repairs') },
});

const findingsRoute = route({
  method: 'get',
  path: '/v1/findings',
  access: ['viewer'],
  summary: 'Violated invariants with their money, newest first',
  tags: ['overview'],
  request: { query: wire.page.extend({ status: z.enum(FINDING_STATUSES).optional() }) },
  responses: {
    200: json(z.object({ items: z.array(finding), next: z.string().nullable() }), 'A page of findings'),
  },
});

export function overviewRoutes(context: OverviewContext) {
  const { db, clock, checks, repairs } = context;
  const reader = new OverviewReader(context);
  const router = createRouter();

  router.openapi(overviewRoute, async (c) => reply(c, ok(await reader.read())));

  router.openapi(checksRoute, async (c) => {
    const items = await readChecks(db, clock, checks);
    const { verdict, reason } = verdictOf(items);
    return reply(c, ok({ verdict, verdictReason: reason, items }));
  });

  router.openapi(repairsRoute, async (c) => reply(c, ok({ items: await repairStatuses(db, repairs) })));

  router.openapi(findingsRoute, async (c) => {
    const { cursor, limit, status } = c.req.valid('query');
    const from = cursor === undefined ? undefined : decodeCursor(findingPlace, cursor);
    if (from?.ok === false) return reply(c, from);
    const statuses = status === undefined ? FINDING_STATUSES : [status];
    const found = await listFindings(db, { statuses, after: from?.value, limit: limit + 1 });
    const page = found.slice(0, limit);
    const last = page.at(-1);
    const next = found.length > limit && last !== undefined ? encodeCursor(last.place) : null;
    return reply(c, ok({ items: page.map(({ finding: item }) => item), next }));
  });

  return router;
}
