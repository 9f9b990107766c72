import { z } from '@hono/zod-openapi';
import { ok, refuse } from '../kernel/errors.ts';
import { reply } from '../kernel/http/problem.ts';
import { createRouter, json, jsonBody, route } from '../kernel/http/route.ts';
import { wire } from '../kernel/http/wire.ts';
import { FAULT_KINDS, faultPlanSchema, faultReportSchema } from './faults.ts';
import { settingsSchema } from './knobs.ts';
import { findShipment, moveShipment } from './shipments.ts';
import { endTrade, tradesOf } from './trades.ts';
import { ambiguous, shipmentView, tradeView } from './views.ts';
import { channel, key, shipmentAnswer, tradeAnswer } from './wire.ts';
import type { World } from './world.ts';

const acting = { access: 'open' as const, tags: ['people out there'] };
const knobs = { access: 'open' as const, tags: ['knobs'] };

const routes = {
  pay: route({
    ...acting,
    method: 'post',
    path: '/sandbox/pay/{tradeNo}',
    summary: 'What the shopper does with an open trade; `closed` is the channel itself',
    request: {
      params: wire.object({ tradeNo: key }),
      query: wire.object({ channel: channel.optional() }),
      body: jsonBody(wire.object({ result: z.enum(['paid', 'failed', 'cancelled', 'closed']) }), { result: 'paid' }),
    },
    responses: { 200: json(tradeAnswer, 'The trade as it stands now.') },
  }),
  ship: route({
    ...acting,
    method: 'post',
    path: '/sandbox/shipments/{shipmentId}',
    summary: 'What the warehouse does with a parcel',
    request: {
      params: wire.object({ shipmentId: key }),
      body: jsonBody(wire.object({ result: z.enum(['processing', 'delivered', 'failed', 'cancelled']) }), {
        result: 'delivered',
      }),
    },
    responses: { 200: json(shipmentAnswer, 'The parcel as it stands now.') },
  }),
  putSettings: route({
    ...knobs,
    method: 'put',
    path: '/sandbox/settings',
    summary: 'How shoppers and parcels behave when nobody acts for them; what is not named gets its default',
    request: { body: jsonBody(settingsSchema, { autopay: true, autopayDelayMs: 500 }) },
    responses: { 200: json(settingsSchema, 'The settings in force.') },
  }),
  getSettings: route({
    ...knobs,
    method: 'get',
    path: '/sandbox/settings',
    summary: 'The settings in force',
    responses: { 200: json(settingsSchema, 'The settings in force.') },
  }),
  putFaults: route({
    ...knobs,
    method: 'put',
    path: '/sandbox/faults',
    summary: `Replaces all faults. Kinds: ${FAULT_KINDS.join(', ')}`,
    request: {
      body: jsonBody(faultPlanSchema, {
        faults: [{ service: 'channel', kind: 'reply_lost', probability: 0.3 }],
      }),
    },
    responses: { 200: json(faultReportSchema, 'The faults in force.') },
  }),
  getFaults: route({
    ...knobs,
    method: 'get',
    path: '/sandbox/faults',
    summary: 'The faults in force, and how often each has fired',
    responses: { 200: json(faultReportSchema, 'The faults in force, each with how often it has fired.') },
  }),
  deleteFaults: route({
    ...knobs,
    method: 'delete',
    path: '/sandbox/faults',
    summary: 'Lifts all faults; requests that are held back still arrive in their time',
    responses: { 200: json(faultReportSchema, 'None.') },
  }),
};

export function knobRoutes(world: World) {
  const router = createRouter();
  router.openapi(routes.pay, async (c) => {
    const { tradeNo } = c.req.valid('param');
    const { result } = c.req.valid('json');
    const wanted = c.req.valid('query').channel;
    const ended = await endTrade(world.db, tradeNo, wanted ?? null, result);
    if (ended !== null) {
      world.callbacks.send([ended.message]);
      return reply(c, ok(tradeView(ended.row, c)));
    }
    const trades = (await tradesOf(world.db, tradeNo)).filter((t) => wanted === undefined || t.channel === wanted);
    const [trade] = trades;
    if (trade === undefined) return reply(c, refuse('not_found', `No channel has a trade ${tradeNo}.`));
    if (trades.length > 1) return reply(c, refuse('wrong_state', ambiguous(tradeNo)));
    // Pressed twice: it is as the shopper wants it, and nothing happens again.
    if (trade.state === result) return reply(c, ok(tradeView(trade, c)));
    return reply(
      c,
      refuse('wrong_state', `Trade ${tradeNo} is ${trade.state}; only an open one can become ${result}.`),
    );
  });
  router.openapi(routes.ship, async (c) => {
    const { shipmentId } = c.req.valid('param');
    const { result } = c.req.valid('json');
    const moved = await moveShipment(world.db, shipmentId, result);
    if (moved !== null) {
      world.callbacks.send([moved.message]);
      return reply(c, ok(shipmentView(moved.row)));
    }
    const row = await findShipment(world.db, shipmentId);
    if (row === null) return reply(c, refuse('not_found', `There is no shipment ${shipmentId}.`));
    if (row.state === result) return reply(c, ok(shipmentView(row)));
    return reply(c, refuse('wrong_state', `Shipment ${shipmentId} is ${row.state}; it cannot become ${result}.`));
  });
  router.openapi(routes.putSettings, async (c) => {
    await world.knobs.putSettings(c.req.valid('json'));
    return reply(c, ok(world.knobs.settings));
  });
  router.openapi(routes.getSettings, async (c) => reply(c, ok(world.knobs.settings)));
  router.openapi(routes.putFaults, async (c) => {
    await world.knobs.putFaults(c.req.valid('json'));
    return reply(c, ok(await world.knobs.report()));
  });
  router.openapi(routes.getFaults, async (c) => reply(c, ok(await world.knobs.report())));
  router.openapi(routes.deleteFaults, async (c) => {
    await world.knobs.putFaults({ seed: 1, faults: [] });
    return reply(c, ok(await world.knobs.report()));
  });
  return router;
}
