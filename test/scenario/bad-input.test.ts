import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { countRows } from '../support/rows.ts';
import { ADDRESS, Shop } from '../support/shop.ts';
import { type System, startSystem } from '../support/system.ts';

/**
 * What the core and control answer, as processes, to what they should never be sent: a problem document that says what,
 * where and what to do, and not one row more than before.
 */
let system: System;
let shop: Shop;
let sku = '';
let soldOut = '';
let offShelf = '';
beforeAll(async () => {
  system = await startSystem({ reconcilers: 0 });
  shop = new Shop(system);
  [sku = ''] = await shop.stockUp('t-shirt');
  [soldOut = ''] = await shop.stockUp('t-shirt', { stock: 0 });
  [offShelf = ''] = await shop.stockUp('t-shirt');
  // A consumer of the bus sees that nothing is there of it, in its own time.
  await eventually(async () => {
    const text = `SELECT id FROM core.spu WHERE state = 'SOLD_OUT'`;
    expect(await system.database.db.query({ text })).toHaveLength(1);
  });
  const { body } = await shop.core('/v1/products?limit=200', { role: 'merchant' });
  const products = body['items'] as { spuId: string }[];
  await shop.core(`/v1/products/${products[0]?.spuId}/unpublish`, {
    method: 'POST',
    role: 'merchant',
    body: { reason: 'test' },
  });
});
afterAll(() => system?.[Symbol.asyncDispose]());

interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly to?: 'core' | 'control';
  readonly role?: keyof System['tokens'] | 'nobody';
  readonly token?: string;
  /** Text and bytes go out as they are. */
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly withoutKey?: true;
}

interface Refused {
  readonly status: number;
  readonly code?: string;
  /** The field that is named. */
  readonly at?: string;
  readonly allow?: string;
  readonly says?: RegExp;
}

let keys = 0;

async function send(sent: Sent): Promise<Response> {
  const { method = 'POST', path = '/v1/orders', to = 'core', role = 'shop' } = sent;
  const token = sent.token ?? (role === 'nobody' ? undefined : system.tokens[role]);
  const { body } = sent;
  return fetch(`${system.one(to).url}${path}`, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(method === 'POST' && sent.withoutKey === undefined ? { 'idempotency-key': `bad-${++keys}` } : {}),
      ...sent.headers,
    },
    ...(body === undefined
      ? {}
      : { body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body) }),
  });
}

/** A good order, but for what is changed; ids are filled in when the test runs. */
function wish(more: Record<string, unknown> = {}): () => Sent {
  return () => ({
    body: { userId: '42', type: 'physical', items: [{ skuId: sku, quantity: 1 }], address: ADDRESS, ...more },
  });
}
function line(more: Record<string, unknown>): () => Sent {
  return () => wish({ items: [{ skuId: sku, quantity: 1, ...more }] })();
}
function skuOf(which: () => string): () => Sent {
  return () => wish({ items: [{ skuId: which(), quantity: 1 }] })();
}
/** A good order as text, with one part of it replaced. */
function spelt(from: string, to: string): () => Sent {
  return () => ({ body: JSON.stringify(wish()().body).replace(from, to) });
}

const price = (amount: string): (() => Sent) =>
  spelt('"quantity":1', `"quantity":1,"expectedPrice":{"amount":${amount},"currency":"CNY"}`);
const flip =
  (sent: Partial<Sent>): (() => Sent) =>
  () => ({
    method: 'PUT',
    to: 'control',
    path: '/v1/switches/entry.order.create',
    role: 'operator',
    body: { on: false, reason: 'a flip that must not happen' },
    headers: { 'if-match': '"1"' },
    ...sent,
  });

const unfit = { status: 422, code: 'invalid_request' } as const;
const amountField = { ...unfit, at: 'items.0.expectedPrice.amount' };

const CASES: Record<string, [string, () => Sent, Refused][]> = {
  'fields and amounts': [
    ['an unknown field', wish({ colour: 'red' }), { ...unfit, at: 'colour' }],
    ['an unknown field of a line', line({ price: 1 }), { ...unfit, at: 'items.0.price' }],
    ['__proto__', spelt('{"userId"', '{"__proto__":{"guest":true},"userId"'), { ...unfit, at: '__proto__' }],
    [
      '__proto__ where any field may be',
      spelt('{"userId"', '{"details":{"__proto__":1},"userId"'),
      { ...unfit, at: 'details.__proto__' },
    ],
    ['constructor', wish({ constructor: { prototype: {} } }), { ...unfit, at: 'constructor' }],
    ['an amount with digits below the cent', price('7900.5'), amountField],
    ['a negative amount', price('-7900'), amountField],
    [
      'an amount of zero for what costs',
      price('0'),
      { status: 409, code: 'price_changed', at: 'items.0.expectedPrice' },
    ],
    ['an amount beyond 2^53', price('9007199254740993'), amountField],
    ['an amount beyond every number', price('1e400'), amountField],
    ['an amount as text', price('"7900"'), amountField],
    ['quantity 0', line({ quantity: 0 }), { ...unfit, at: 'items.0.quantity' }],
    ['quantity -1', line({ quantity: -1 }), { ...unfit, at: 'items.0.quantity' }],
    ['quantity 1e9', line({ quantity: 1e9 }), { ...unfit, at: 'items.0.quantity' }],
    [
      'a user id of 400 digits',
      wish({ userId: '9'.repeat(400) }),
      { ...unfit, at: 'userId', says: /whole number from 1 to/ },
    ],
    ['a user id that is a word', wish({ userId: "Robert'); DROP TABLE core.orders; --" }), { ...unfit, at: 'userId' }],
    ['a user id of 1e30', wish({ userId: 1e30 }), { ...unfit, at: 'userId' }],
    ['a user id that is null', wish({ userId: null }), { ...unfit, at: 'userId' }],
    [
      'a recipient of 10,000 letters',
      wish({ address: { ...ADDRESS, recipient: 'x'.repeat(10_000) } }),
      { ...unfit, at: 'address.recipient' },
    ],
  ],
  goods: [
    ['an unknown SKU', skuOf(() => '999999999'), { status: 404, code: 'sku_unknown', says: /999999999/ }],
    ['an SKU off the shelf', skuOf(() => offShelf), { status: 409, code: 'sku_off_shelf' }],
    ['an SKU that is sold out', skuOf(() => soldOut), { status: 409, code: 'sold_out' }],
  ],
  bodies: [
    ['2 MiB', () => ({ body: `{"userId":"${'9'.repeat(2 * 1024 * 1024)}"}` }), { status: 413, code: 'body_too_large' }],
    [
      '2 MiB of a product',
      () => ({ path: '/v1/products', role: 'merchant', body: `{"x":"${'9'.repeat(2 * 1024 * 1024)}"}` }),
      { status: 413, code: 'body_too_large' },
    ],
    ['broken JSON', spelt('"type":', '"type"'), { status: 400, code: 'malformed_json', says: /line 1, column \d+/ }],
    ['half of it', () => ({ body: '{"userId":"42","type":"phys' }), { status: 400, code: 'malformed_json' }],
    ['nothing', () => ({ body: '' }), { status: 400, code: 'malformed_json' }],
    ['an array', () => ({ body: '[]' }), { ...unfit, at: '' }],
    [
      'broken UTF-8',
      () => ({ body: new Uint8Array([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x7d]) }),
      { status: 400, code: 'malformed_text' },
    ],
    ['a NUL', wish({ address: { ...ADDRESS, line: 'a\u0000b' } }), { ...unfit, at: 'address.line' }],
    [
      'a form',
      () => ({ body: 'userId=42', headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
      { status: 415, code: 'unsupported_media_type' },
    ],
    [
      'plain text',
      () => ({ ...wish()(), headers: { 'content-type': 'text/plain' } }),
      { status: 415, code: 'unsupported_media_type' },
    ],
  ],
  addresses: [
    ['an unknown one', () => ({ method: 'GET', path: '/v1/nothing' }), { status: 404, code: 'not_found' }],
    ['HEAD of an unknown one', () => ({ method: 'HEAD', path: '/v1/nothing' }), { status: 404 }],
    [
      'another method',
      () => ({ method: 'DELETE' }),
      { status: 405, code: 'method_not_allowed', allow: 'GET, HEAD, POST, OPTIONS' },
    ],
    ['an id with NUL', () => ({ method: 'GET', path: '/v1/orders/%00' }), unfit],
    [
      'an id that is no number',
      () => ({ method: 'GET', path: '/v1/orders/..%2f..%2fetc%2fpasswd' }),
      { ...unfit, at: 'orderId' },
    ],
    ['half an escape', () => ({ method: 'GET', path: '/v1/orders/%' }), { ...unfit, at: 'orderId' }],
    [
      'an order that is not there',
      () => ({ method: 'GET', path: '/v1/orders/1234567890123456789' }),
      { status: 404, code: 'order_unknown' },
    ],
    [
      'a pay order that is not there',
      () => ({ path: '/v1/pay-orders/1234567890123456789/pay', body: { channel: 'sandbox' } }),
      { status: 404, code: 'pay_order_unknown' },
    ],
    [
      'a cursor that is none',
      () => ({ method: 'GET', path: '/v1/orders?userId=42&cursor=%27' }),
      { status: 422, code: 'invalid_cursor' },
    ],
    [
      'a header of 20 KB',
      () => ({ method: 'GET', headers: { 'x-large': 'x'.repeat(20_000) } }),
      { status: 431, code: 'headers_too_large' },
    ],
  ],
  'who asks': [
    ['nobody', () => ({ ...wish()(), role: 'nobody' }), { status: 401, code: 'unauthenticated' }],
    [
      'a token that is none',
      () => ({ ...wish()(), token: 'tg_0123456789abcdef_0123456789' }),
      { status: 401, code: 'unauthenticated' },
    ],
    ['a viewer', () => ({ ...wish()(), role: 'viewer' }), { status: 403, code: 'forbidden', says: /shop/ }],
    ['a merchant', () => ({ ...wish()(), role: 'merchant' }), { status: 403, code: 'forbidden' }],
    ['a shop, for goods', () => ({ path: '/v1/products', body: '{}' }), { status: 403, code: 'forbidden' }],
  ],
  'idempotency keys': [
    ['none', () => ({ ...wish()(), withoutKey: true }), { status: 400, code: 'idempotency_key_missing' }],
    [
      'one of 300 letters',
      () => ({ ...wish()(), headers: { 'idempotency-key': 'x'.repeat(300) } }),
      { ...unfit, at: 'idempotency-key' },
    ],
  ],
  flips: [
    ['without a token', flip({ role: 'nobody' }), { status: 401, code: 'unauthenticated' }],
    ["with a viewer's token", flip({ role: 'viewer' }), { status: 403, code: 'forbidden', says: /operator/ }],
    ["with a shop's token", flip({ role: 'shop' }), { status: 403, code: 'forbidden' }],
    ['without If-Match', flip({ headers: {} }), { status: 428, code: 'if_match_missing' }],
    ['with a stale If-Match', flip({ headers: { 'if-match': '"99"' } }), { status: 412, code: 'stale_revision' }],
    ['without a reason', flip({ body: { on: false } }), { ...unfit, at: 'reason' }],
    ['of no switch', flip({ path: '/v1/switches/entry.nothing' }), { status: 404, code: 'switch_unknown' }],
    ['with an unknown field', flip({ body: { on: false, reason: 'x', force: true } }), { ...unfit, at: 'force' }],
  ],
};

const rows = (): Promise<unknown> => countRows(system.database.db, ['core', 'sandbox']);
const rules = (): Promise<unknown> =>
  system.database.db.query({
    text: 'SELECT (SELECT count(*) FROM control.revision), (SELECT count(*) FROM control.audit)',
  });

describe.each(Object.entries(CASES))('%s', (_group, cases) => {
  it.each(cases)('%s', async (_what, make, refused) => {
    const before = await Promise.all([rows(), rules()]);
    const response = await send(make());
    const text = await response.text();
    expect(response.status, text).toBe(refused.status);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    if (refused.allow !== undefined) expect(response.headers.get('allow')).toBe(refused.allow);
    if (refused.code !== undefined) {
      const problem = JSON.parse(text) as Record<string, unknown>;
      expect(problem).toEqual(
        expect.objectContaining({
          type: `/docs/errors#${refused.code}`,
          title: expect.stringMatching(/\S/),
          status: refused.status,
          code: refused.code,
          detail: expect.stringMatching(refused.says ?? /\S/),
          traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
        }),
      );
      if (refused.at !== undefined)
        expect(problem['errors']).toContainEqual(expect.objectContaining({ path: refused.at }));
    }
    expect(await Promise.all([rows(), rules()])).toEqual(before);
  });
});

it('a key that was used answers the first order again, and refuses another one', async () => {
  const headers = { 'idempotency-key': 'used' };
  const first = await send({ ...wish()(), headers });
  const placed = await rows();
  const again = await send({ ...wish()(), headers });
  expect([first.status, again.status]).toEqual([201, 200]);
  expect(await again.json()).toEqual(await first.json());
  const other = await send({ ...wish({ userId: '42', items: [{ skuId: sku, quantity: 2 }] })(), headers });
  expect({ status: other.status, ...((await other.json()) as object) }).toMatchObject({
    status: 409,
    code: 'idempotency_key_reused',
  });
  expect(await rows()).toEqual(placed);
});
