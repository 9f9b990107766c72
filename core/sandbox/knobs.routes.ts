import { z } from '@hono/zod-openapi';
import { ok, refuse } from '../kernel/errors.ts';
import { reply } from '../kernel/http/problem.ts';
import { createRouter, json, jsonBody, route } from '../kernel/http/route.ts';
import { effects, listTrades, statement } from './audit.ts';
import { CHANNELS, decideTrade, findTrade, tradeView } from './channel.ts';
import { FAULT_KINDS, faultPlanSchema } from './faults.ts';
import { moveShipment, shipmentView } from './fulfilment.ts';
import { settingsSchema } from './settings.ts';
import type { World } from './world.ts';

/** The hands of the people out there, and the knobs of drills and tests. */
const tradeNo = z.string().min(1).max(500);
const anything = z.any().openapi({ type: 'object' });
const open = { access: 'open' } as const;
const faultReport = anything;

const routes = {
  pay: route({
    ...open,
    method: 'post',
    path: '/sandbox/pay/{tradeNo}',
    summary: 'What the shopper does at the channel',
    request: {
      params: z.object({ tradeNo }),
      body: jsonBody(z.strictObject({ result: z.enum(['paid', 'failed', 'cancelled']).openapi({ example: 'paid' }) })),
    },
    responses: { 200: json(anything, 'The trade as it stands now.') },
  }),
  ship: route({
    ...open,
    method: 'post',
    path: '/sandbox/shipments/{shipmentId}',
    summary: 'What the carrier does with a parcel',
    request: {
      params: z.object({ shipmentId: z.string().min(1).max(500) }),
      body: jsonBody(z.strictObject({ result: z.enum(['processing', 'delivered', 'failed']) })),
    },
    responses: { 200: json(anything, 'The parcel as it stands now.') },
  }),
  trade: route({
    ...open,
    method: 'get',
    path: '/sandbox/trades/{tradeNo}',
    summary: 'The truth about a trade',
    request: { params: z.object({ tradeNo }) },
    responses: { 200: json(anything, 'The trade.') },
  }),
  trades: route({
    ...open,
    method: 'get',
    path: '/sandbox/trades',
    summary: 'The truth about all trades, page by page',
    request: {
      query: z.strictObject({
        after: tradeNo.optional(),
        limit: z.coerce.number().int().min(1).max(1_000).default(500),
      }),
    },
    responses: {
      200: json(z.object({ trades: z.array(anything), next: z.string().nullable() }), 'Trades in number order.'),
    },
  }),
  effects: route({
    ...open,
    method: 'get',
    path: '/sandbox/effects',
    summary: 'How often each thing really happened: sums, and what happened more than once',
    responses: { 200: json(anything, 'The sums.') },
  }),
  putFaults: route({
    ...open,
    method: 'put',
    path: '/sandbox/faults',
    summary: `Sets the fault plan. Kinds: ${FAULT_KINDS.join(', ')}`,
    request: { body: jsonBody(faultPlanSchema) },
    responses: { 200: json(faultReport, 'The plan in force.') },
  }),
  getFaults: route({
    ...open,
    method: 'get',
    path: '/sandbox/faults',
    responses: { 200: json(faultReport, 'The plan, with how often each fault has struck.') },
  }),
  deleteFaults: route({
    ...open,
    method: 'delete',
    path: '/sandbox/faults',
    responses: { 200: json(faultReport, 'No faults.') },
  }),
  putSettings: route({
    ...open,
    method: 'put',
    path: '/sandbox/settings',
    summary: 'How shoppers and parcels behave when nobody acts for them',
    request: { body: jsonBody(settingsSchema) },
    responses: { 200: json(settingsSchema, 'The settings in force.') },
  }),
  getSettings: route({
    ...open,
    method: 'get',
    path: '/sandbox/settings',
    responses: { 200: json(settingsSchema, 'The settings in force.') },
  }),
  statement: route({
    ...open,
    method: 'get',
    path: '/sandbox/statements/{file}',
    summary: "A channel's daily statement as CSV: `2026-11-11.csv`",
    request: {
      params: z.object({ file: z.string().regex(/^\d{4}-\d{2}-\d{2}\.csv$/, 'must be a date and .csv') }),
      query: z.strictObject({ channel: z.enum(CHANNELS).default('sandbox') }),
    },
    responses: {
      200: { description: 'CSV, one line a payment or refund.', content: { 'text/csv': { schema: z.string() } } },
    },
  }),
};

export function knobRoutes(world: World, baseUrl: string) {
  const router = createRouter();
  router.openapi(routes.pay, async (c) => {
    const { tradeNo } = c.req.valid('param');
    const decided = await decideTrade(world, tradeNo, c.req.valid('json').result);
    if (decided !== null) {
      world.runNow(decided.job);
      return reply(c, ok(tradeView(decided.row, baseUrl)));
    }
    const row = await findTrade(world.db, tradeNo, null);
    if (row === null) return reply(c, refuse('not_found', `No channel has a trade ${tradeNo}.`));
    return reply(c, refuse('wrong_state', `Trade ${tradeNo} is ${row.state}; only an open one can be decided.`));
  });
  router.openapi(routes.ship, async (c) => {
    const { shipmentId } = c.req.valid('param');
    const moved = await moveShipment(world, shipmentId, c.req.valid('json').result);
    if (moved === null)
      return reply(c, refuse('wrong_state', `Shipment ${shipmentId} is not here or cannot go there.`));
    world.runNow(moved.job);
    return reply(c, ok(shipmentView(moved.row)));
  });
  router.openapi(routes.trade, async (c) => {
    const { tradeNo } = c.req.valid('param');
    const row = await findTrade(world.db, tradeNo, null);
    return row === null
      ? reply(c, refuse('not_found', `No channel has a trade ${tradeNo}.`))
      : reply(c, ok(tradeView(row, baseUrl)));
  });
  router.openapi(routes.trades, async (c) => {
    const { after, limit } = c.req.valid('query');
    return reply(c, ok(await listTrades(world.db, after ?? '', limit)));
  });
  router.openapi(routes.effects, async (c) => reply(c, ok(await effects(world.db))));
  router.openapi(routes.putFaults, async (c) => {
    await world.settings.putFaults(c.req.valid('json'));
    return reply(c, ok(world.faults.report));
  });
  router.openapi(routes.getFaults, async (c) => reply(c, ok(world.faults.report)));
  router.openapi(routes.deleteFaults, async (c) => {
    await world.settings.putFaults({ seed: 1, faults: [] });
    return reply(c, ok(world.faults.report));
  });
  router.openapi(routes.putSettings, async (c) => {
    await world.settings.put(c.req.valid('json'));
    return reply(c, ok(world.settings.values));
  });
  router.openapi(routes.getSettings, async (c) => reply(c, ok(world.settings.values)));
  router.openapi(routes.statement, async (c) => {
    const date = c.req.valid('param').file.slice(0, 10);
    return new Response(statement(world.db, c.req.valid('query').channel, date), {
      headers: { 'content-type': 'text/csv; charset=utf-8' },
    });
  });
  return router;
}
