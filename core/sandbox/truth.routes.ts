import { z } from '@hono/zod-openapi';
import { ok, refuse } from '../kernel/errors.ts';
import { reply } from '../kernel/http/problem.ts';
import { createRouter, json, route } from '../kernel/http/route.ts';
import { decodeCursor, encodeCursor, wire } from '../kernel/http/wire.ts';
import { statement } from './statements.ts';
import {
  effects,
  effectsSchema,
  keyLengthOf,
  LISTED,
  listTruth,
  tradeTruth,
  truthOfRefunds,
  truthOfTrade,
  truthRow,
  waitingCallbacks,
} from './truth.ts';
import { ambiguous } from './views.ts';
import { channel, key } from './wire.ts';
import type { World } from './world.ts';

const open = { access: 'open' as const, tags: ['truth'] };
const named = wire.object({ channel: channel.optional() });
const MAX_PAGE = 1_000;

const rows = z.array(truthRow).optional();
const listAnswer = z.object({
  trades: rows,
  refunds: rows,
  deductions: rows,
  shipments: rows,
  returns: rows,
  rooms: rows,
  next: z.string().nullable(),
});

const routes = {
  trade: route({
    ...open,
    method: 'get',
    path: '/sandbox/trades/{tradeNo}',
    summary: 'The truth about a trade: what was taken, paid back, asked for, and which callbacks still wait',
    request: { params: wire.object({ tradeNo: key }), query: named },
    responses: {
      200: json(tradeTruth.extend({ refunds: z.array(truthRow), callbacks: z.array(truthRow) }), 'The trade.'),
    },
  }),
  list: route({
    ...open,
    method: 'get',
    path: '/sandbox/{list}',
    summary: 'The truth about everything, page by page in the order of the keys',
    request: {
      params: wire.object({ list: z.enum(LISTED) }),
      query: wire.object({
        after: z.string().max(1_024).optional().openapi({ description: 'The `next` of the page before.' }),
        limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(500),
      }),
    },
    responses: {
      200: json(listAnswer, 'The rows under the name of the list, and where the next page begins.'),
    },
  }),
  effects: route({
    ...open,
    method: 'get',
    path: '/sandbox/effects',
    summary: 'How often each thing really happened: sums by state, and the proof that nothing happened twice',
    responses: { 200: json(effectsSchema, 'The sums.') },
    timeoutMs: 60_000,
  }),
  statement: route({
    ...open,
    method: 'get',
    path: '/sandbox/statements/{file}',
    summary: "A channel's day (UTC) as CSV, such as `2026-11-11.csv`",
    request: {
      params: wire.object({
        file: z.string().regex(/^\d{4}-\d{2}-\d{2}\.csv$/, 'must be a day such as 2026-11-11.csv'),
      }),
      query: wire.object({ channel: channel.default('sandbox') }),
    },
    responses: {
      200: { description: 'One line a payment or refund.', content: { 'text/csv': { schema: z.string() } } },
    },
    timeoutMs: 60_000,
  }),
};

export function truthRoutes(world: World) {
  const router = createRouter();
  const { db } = world;
  router.openapi(routes.effects, async (c) => reply(c, ok(await effects(db))));
  router.openapi(routes.trade, async (c) => {
    const { tradeNo } = c.req.valid('param');
    const wanted = c.req.valid('query').channel;
    const trades = await truthOfTrade(db, tradeNo);
    const trade = trades.find((t) => wanted === undefined || t.channel === wanted);
    if (trade === undefined) return reply(c, refuse('not_found', `No channel has a trade ${tradeNo}.`));
    if (wanted === undefined && trades.length > 1) return reply(c, refuse('wrong_state', ambiguous(tradeNo)));
    const refunds = await truthOfRefunds(db, trade.channel, tradeNo);
    const callbacks = await waitingCallbacks(db, trade.channel, tradeNo);
    return reply(c, ok({ ...trade, refunds, callbacks }));
  });
  router.openapi(routes.statement, async (c) => {
    const text = c.req.valid('param').file.slice(0, 10);
    const day = new Date(`${text}T00:00:00.000Z`);
    // The engine reads the 30th of February as the 2nd of March.
    if (Number.isNaN(day.getTime()) || !day.toISOString().startsWith(text)) {
      return reply(c, refuse('invalid_request', `${text} is not a day of the calendar.`));
    }
    c.header('Content-Type', 'text/csv; charset=utf-8');
    return c.body(statement(db, c.req.valid('query').channel, day));
  });
  // After its sisters, whose addresses it would take for a list.
  router.openapi(routes.list, async (c) => {
    const { list } = c.req.valid('param');
    const { after, limit } = c.req.valid('query');
    const place = after === undefined ? ok(null) : decodeCursor(z.array(z.string()).length(keyLengthOf(list)), after);
    if (!place.ok) return reply(c, place);
    const page = await listTruth(db, list, place.value, limit);
    const body: z.infer<typeof listAnswer> = { next: page.last === null ? null : encodeCursor(page.last) };
    body[list] = page.rows;
    return reply(c, ok(body));
  });
  return router;
}
