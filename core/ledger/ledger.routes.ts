import { z } from '@hono/zod-openapi';
import type { CoreContext } from '../context.ts';
import { ok, refuse } from '../kernel/errors.ts';
import { reply } from '../kernel/http/problem.ts';
import { createRouter, json, route } from '../kernel/http/route.ts';
import { numericId, orderNumber } from '../kernel/http/values.ts';
import { decodeCursor, encodeCursor, wire } from '../kernel/http/wire.ts';
import { CURRENCIES } from '../kernel/money.ts';
import { accountOf, accountOfUser, accountsOfUser, entriesOf, entriesOfPayOrder, statementOf } from './ledger.read.ts';
import {
  account,
  accountId,
  balance,
  balanceToWire,
  entry,
  entryToWire,
  lineToWire,
  statementLine,
} from './ledger.wire.ts';

const placeOfEntry = z.strictObject({ xid: z.string().regex(/^\d{1,20}$/), id: z.int().positive() });
const tags = ['ledger'];

const routes = {
  account: route({
    method: 'get',
    path: '/v1/accounts/{accountId}',
    access: ['viewer', 'merchant'],
    summary: 'An account of the ledger with its balance',
    tags,
    request: { params: z.object({ accountId }) },
    responses: { 200: json(account, 'The account.') },
  }),
  entries: route({
    method: 'get',
    path: '/v1/accounts/{accountId}/entries',
    access: ['viewer', 'merchant'],
    summary: 'The entries of an account, newest first',
    tags,
    request: { params: z.object({ accountId }), query: wire.page },
    responses: { 200: json(z.object({ entries: z.array(entry), next: z.string().nullable() }), 'One page.') },
  }),
  payOrder: route({
    method: 'get',
    path: '/v1/pay-orders/{payOrderId}/entries',
    access: ['shop', 'viewer', 'merchant'],
    summary: 'Everything that was booked for a pay order',
    tags,
    request: { params: z.object({ payOrderId: orderNumber }) },
    responses: { 200: json(z.object({ entries: z.array(entry) }), 'Oldest first.') },
  }),
  balances: route({
    method: 'get',
    path: '/v1/users/{userId}/balances',
    access: ['shop', 'viewer'],
    summary: 'What a user may spend: balances and points',
    tags,
    request: { params: wire.object({ userId: numericId }) },
    responses: { 200: json(z.object({ items: z.array(balance) }), 'Accounts that were ever used.') },
  }),
  statement: route({
    method: 'get',
    path: '/v1/users/{userId}/balances/{currency}/entries',
    access: ['shop', 'viewer'],
    summary: "A user's statement in a currency (PTS: points), newest first",
    tags,
    request: {
      params: wire.object({ userId: numericId, currency: z.enum(CURRENCIES).openapi({ example: 'CNY' }) }),
      query: wire.page,
    },
    responses: { 200: json(z.object({ items: z.array(statementLine), next: z.string().nullable() }), 'One page.') },
  }),
};

/** Reading the books: accounts and their entries, and what users hold. */
export function ledgerRoutes(context: CoreContext) {
  const router = createRouter();
  router.openapi(routes.account, async (c) => {
    const { accountId: id } = c.req.valid('param');
    const found = await accountOf(context.db, id);
    if (found !== null && found.floor !== null && c.get('principal').role === 'merchant')
      return reply(c, notTheirs(id));
    return reply(c, found === null ? refuse('account_unknown', `There is no account ${id}.`) : ok(found));
  });
  router.openapi(routes.entries, async (c) => {
    const { cursor, limit } = c.req.valid('query');
    const { accountId: id } = c.req.valid('param');
    if (/^(wallet|points):/.test(id) && c.get('principal').role === 'merchant') return reply(c, notTheirs(id));
    const place = cursor === undefined ? ok(null) : decodeCursor(placeOfEntry, cursor);
    if (!place.ok) return reply(c, place);
    const rows = await entriesOf(context.db, id, place.value, limit);
    const last = rows.at(-1);
    const next = last === undefined || rows.length < limit ? null : encodeCursor({ xid: last.xid, id: last.id });
    return reply(c, ok({ entries: rows.map(entryToWire), next }));
  });
  router.openapi(routes.payOrder, async (c) => {
    const rows = await entriesOfPayOrder(context.db, c.req.valid('param').payOrderId);
    return reply(c, ok({ entries: rows.map(entryToWire) }));
  });
  router.openapi(routes.balances, async (c) => {
    const held = await accountsOfUser(context.db, c.req.valid('param').userId);
    return reply(c, ok({ items: held.map(balanceToWire) }));
  });
  router.openapi(routes.statement, async (c) => {
    const { cursor, limit } = c.req.valid('query');
    const { userId, currency } = c.req.valid('param');
    const below = cursor === undefined ? ok(null) : decodeCursor(z.int().positive(), cursor);
    if (!below.ok) return reply(c, below);
    const rows = await statementOf(context.db, accountOfUser(userId, currency).id, below.value, limit + 1);
    const items = rows.slice(0, limit);
    const next = rows.length > limit ? encodeCursor(items.at(-1)?.number) : null;
    return reply(c, ok({ items: items.map(lineToWire), next }));
  });
  return router;
}

function notTheirs(id: string) {
  return refuse('forbidden', `${id} is a user's account; merchants see the platform's.`);
}
