import { z } from '@hono/zod-openapi';
import type { CoreContext } from '../context.ts';
import { ok, refuse } from '../kernel/errors.ts';
import { reply } from '../kernel/http/problem.ts';
import { createRouter, json, route } from '../kernel/http/route.ts';
import { decodeCursor, encodeCursor, wire } from '../kernel/http/wire.ts';
import { accountOf, type EntryView, entriesOf, entriesOfPayOrder } from './ledger.read.ts';

const accountId = z
  .string()
  .regex(/^[a-z_]+(:[A-Za-z0-9_-]+){1,3}$/, 'must be an account such as merchant_payable:CNY');

const account = z
  .object({
    id: z.string(),
    kind: z.string(),
    currency: z.string(),
    balance: z
      .string()
      .openapi({ description: 'Minor units; debit positive, credit negative. Text: it may pass 2^53.' }),
  })
  .openapi('Account', {
    example: { id: 'merchant_payable:CNY', kind: 'merchant_payable', currency: 'CNY', balance: '-15800' },
  });

const entry = z
  .object({
    id: z.string(),
    kind: z.string(),
    reference: z.string(),
    payOrderId: z.string().nullable(),
    orderId: z.string().nullable(),
    accountId: z.string(),
    amount: z.object({ amount: z.int(), currency: z.string() }),
    at: z.string(),
  })
  .openapi('LedgerEntry');

const placeOfEntry = z.strictObject({ xid: z.string().regex(/^\d{1,20}$/), id: z.int().positive() });

const routes = {
  account: route({
    method: 'get',
    path: '/v1/accounts/{accountId}',
    access: ['viewer', 'merchant'],
    summary: 'An account of the ledger with its balance',
    tags: ['ledger'],
    request: { params: z.object({ accountId }) },
    responses: { 200: json(account, 'The account.') },
  }),
  entries: route({
    method: 'get',
    path: '/v1/accounts/{accountId}/entries',
    access: ['viewer', 'merchant'],
    summary: 'The entries of an account, newest first',
    tags: ['ledger'],
    request: { params: z.object({ accountId }), query: wire.page },
    responses: { 200: json(z.object({ entries: z.array(entry), next: z.string().nullable() }), 'One page.') },
  }),
  payOrder: route({
    method: 'get',
    path: '/v1/pay-orders/{payOrderId}/entries',
    access: ['shop', 'viewer', 'merchant'],
    summary: 'Everything that was booked for a pay order',
    tags: ['ledger'],
    request: {
      params: z.object({ payOrderId: z.string().regex(/^\d{19}$/, 'must be a pay order number of 19 digits') }),
    },
    responses: { 200: json(z.object({ entries: z.array(entry) }), 'Oldest first.') },
  }),
};

export function ledgerRoutes(context: CoreContext) {
  const router = createRouter();
  router.openapi(routes.account, async (c) => {
    const { accountId: id } = c.req.valid('param');
    const found = await accountOf(context.db, id);
    return reply(c, found === null ? refuse('account_unknown', `There is no account ${id}.`) : ok(found));
  });
  router.openapi(routes.entries, async (c) => {
    const { cursor, limit } = c.req.valid('query');
    const place = cursor === undefined ? ok(null) : decodeCursor(placeOfEntry, cursor);
    if (!place.ok) return reply(c, place);
    const rows = await entriesOf(context.db, c.req.valid('param').accountId, place.value, limit);
    const last = rows.at(-1);
    const next = last === undefined || rows.length < limit ? null : encodeCursor({ xid: last.xid, id: last.id });
    return reply(c, ok({ entries: rows.map(toWire), next }));
  });
  router.openapi(routes.payOrder, async (c) => {
    const rows = await entriesOfPayOrder(context.db, c.req.valid('param').payOrderId);
    return reply(c, ok({ entries: rows.map(toWire) }));
  });
  return router;
}

function toWire(view: EntryView): z.infer<typeof entry> {
  const { amount, currency, at, xid: _, ...rest } = view;
  return { ...rest, id: String(view.id), amount: { amount, currency }, at: at.toISOString() };
}
