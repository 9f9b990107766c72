import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { couponRoutes } from '../../core/marketing/coupons.routes.ts';
import { orderRoutes } from '../../core/orders/orders.routes.ts';
import { skusOnShelf } from '../support/catalogue.ts';
import { type CoreClient, type TestCore, testCore } from '../support/core.ts';
import { ADDRESS, placed } from '../support/orders.ts';

let core: TestCore;
let http: CoreClient;
let sku: number;
let keys = 0;
beforeAll(async () => {
  core = await testCore();
  http = await core.http([orderRoutes(core.ctx), couponRoutes(core.ctx)]);
  [sku = 0] = await skusOnShelf(core.ctx, { skus: [{ price: '79.00', stock: 1_000 }] });
});
afterAll(() => core[Symbol.asyncDispose]());

const body = (more: Record<string, unknown> = {}) => ({
  userId: '42',
  type: 'physical',
  items: [{ skuId: String(sku), quantity: 1 }],
  address: ADDRESS,
  ...more,
});
const key = (value = `http-${++keys}`) => ({ 'idempotency-key': value });
const post = (
  payload: unknown,
  headers: Record<string, string> = key(),
  role: Parameters<CoreClient['send']>[0] = 'shop',
) => http.send(role, 'POST', '/v1/orders', payload, headers);

const orderCount = async (): Promise<unknown> =>
  (await core.ctx.db.query({ text: 'SELECT count(*) AS n FROM core.pay_order' }))[0]?.['n'];

describe('POST /v1/orders', () => {
  it('answers 201 with numbers and states as strings', async () => {
    const { status, body: answer } = await post(body());
    expect(status).toBe(201);
    expect(answer).toEqual({
      payOrderId: expect.stringMatching(/^\d{19}$/),
      payable: { amount: 7_900, currency: 'CNY' },
      expiresAt: expect.stringMatching(/Z$/),
      notices: [],
      balance: null,
      orders: [
        {
          orderId: expect.stringMatching(/^\d{19}$/),
          type: 'physical',
          shopId: '1',
          warehouseId: '1',
          state: { code: 'O0', name: 'ORDER_CREATED' },
          goodsAmount: { amount: 7_900, currency: 'CNY' },
          discount: { amount: 0, currency: 'CNY' },
          payable: { amount: 7_900, currency: 'CNY' },
        },
      ],
    });
    expect(core.guard.inside).toBe(0);
  });

  it('takes ids as JSON numbers too', async () => {
    expect((await post(body({ userId: 42, items: [{ skuId: sku, quantity: 2 }] }))).status).toBe(201);
  });

  it('answers a repeated key with 200, the same body and a header', async () => {
    const headers = key();
    const first = await post(body(), headers);
    const again = await post(JSON.parse(JSON.stringify(body({ userId: 42 }))), headers);
    expect([first.status, again.status]).toEqual([201, 200]);
    expect(first.headers.get('idempotency-replayed')).toBeNull();
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(again.body).toEqual(first.body);
  });

  it('refuses a key with another body', async () => {
    const headers = key();
    await post(body(), headers);
    const { status, body: answer } = await post(body({ items: [{ skuId: sku, quantity: 3 }] }), headers);
    expect({ status, code: answer['code'] }).toEqual({ status: 409, code: 'idempotency_key_reused' });
  });

  it.each([
    ['no key', {}, 400, 'idempotency_key_missing'],
    ['a blank key', { 'idempotency-key': ' ' }, 422, 'invalid_request'],
    ['a long key', { 'idempotency-key': 'x'.repeat(256) }, 422, 'invalid_request'],
    ['a key with blanks', { 'idempotency-key': 'a b' }, 422, 'invalid_request'],
  ])('refuses %s', async (_what, headers, status, code) => {
    const answer = await post(body(), headers);
    expect({ status: answer.status, code: answer.body['code'] }).toEqual({ status, code });
  });

  const line = (more: Record<string, unknown>) => ({ items: [{ skuId: '1', quantity: 1, ...more }] });
  it.each<[string, Record<string, unknown>, string]>([
    ['an unknown field', { colour: 'red' }, 'colour'],
    ['an unknown field of a line', line({ price: 1 }), 'items.0.price'],
    ['an unknown field of the address', { address: { ...ADDRESS, planet: 'Mars' } }, 'address.planet'],
    ['quantity 0', line({ quantity: 0 }), 'items.0.quantity'],
    ['quantity -1', line({ quantity: -1 }), 'items.0.quantity'],
    ['quantity 1e9', line({ quantity: 1e9 }), 'items.0.quantity'],
    ['half a piece', line({ quantity: 1.5 }), 'items.0.quantity'],
    ['a quantity as text', line({ quantity: '1' }), 'items.0.quantity'],
    [
      'an amount with digits',
      line({ expectedPrice: { amount: 79.005, currency: 'CNY' } }),
      'items.0.expectedPrice.amount',
    ],
    ['a negative amount', line({ expectedPrice: { amount: -1, currency: 'CNY' } }), 'items.0.expectedPrice.amount'],
    [
      'an amount beyond 2^53',
      line({ expectedPrice: { amount: 2 ** 53 + 2, currency: 'CNY' } }),
      'items.0.expectedPrice.amount',
    ],
    ['an unknown currency', line({ expectedPrice: { amount: 1, currency: 'XXQ' } }), 'items.0.expectedPrice.currency'],
    ['no line', { items: [] }, 'items'],
    ['1,001 lines', { items: Array.from({ length: 1_001 }, () => ({ skuId: 1, quantity: 1 })) }, 'items'],
    ['an SKU id that is no number', line({ skuId: 'abc' }), 'items.0.skuId'],
    ['SKU 0', line({ skuId: 0 }), 'items.0.skuId'],
    ['user 0', { userId: 0 }, 'userId'],
    ['user -1', { userId: '-1' }, 'userId'],
    ['a user beyond 10^15', { userId: 10 ** 15 + 1 }, 'userId'],
    ['an unknown type', { type: 'subscription' }, 'type'],
    ['a coupon code that is none', { couponCode: 'x y' }, 'couponCode'],
    ['details that are no object', { details: 7 }, 'details'],
    ['details that the type does not know', { details: { a: 1 } }, 'details.a'],
    ['a blank recipient', { address: { ...ADDRESS, recipient: ' ' } }, 'address.recipient'],
  ])('refuses %s, naming the field', async (_what, more, path) => {
    const before = await orderCount();
    const { status, body: answer } = await post(body(more));
    expect(status).toBe(422);
    expect(answer).toMatchObject({
      code: 'invalid_request',
      errors: expect.arrayContaining([expect.objectContaining({ path })]),
    });
    expect(await orderCount()).toBe(before);
  });

  it('refuses deeply nested details without breaking', async () => {
    let details: Record<string, unknown> = {};
    for (let i = 0; i < 200; i += 1) details = { a: details };
    expect((await post(body({ details }))).status).toBe(422);
  });

  it.each([
    ['an unknown SKU', 999_999_999, 404, 'sku_unknown'],
    ['a sold out SKU', 0, 409, 'sold_out'],
  ])('refuses %s', async (_what, unknown, status, code) => {
    const [empty = 0] = await skusOnShelf(core.ctx, { skus: [{ stock: 0 }] });
    const answer = await post(body({ items: [{ skuId: unknown || empty, quantity: 1 }] }));
    expect({ status: answer.status, code: answer.body['code'] }).toEqual({ status, code });
  });

  it.each(['merchant', 'viewer', 'operator', 'approver', 'instance'] as const)('is not for a %s', async (role) => {
    expect((await post(body(), key(), role)).status).toBe(403);
  });

  it('is for an admin, and for nobody without a token', async () => {
    expect((await post(body(), key(), 'admin')).status).toBe(201);
    const bare = await http.app.request('/v1/orders', {
      method: 'POST',
      body: JSON.stringify(body()),
      headers: { 'content-type': 'application/json', ...key() },
    });
    expect(bare.status).toBe(401);
  });

  it('is refused with the rule and a time while its entry is closed', async () => {
    core.guard.closed.add('order.create');
    try {
      const { status, headers, body: answer } = await post(body());
      expect({ status, code: answer['code'], rule: answer['rule'] }).toEqual({
        status: 503,
        code: 'switched_off',
        rule: 'entry.order.create',
      });
      expect(headers.get('retry-after')).toBe('5');
    } finally {
      core.guard.closed.clear();
    }
  });

  it('leaves the entry even when something breaks', async () => {
    await post(body({ items: [{ skuId: 999_999_999, quantity: 1 }] }));
    expect(core.guard.inside).toBe(0);
  });
});

describe('GET /v1/orders/{orderId}', () => {
  it('shows lines, amounts, address and timeline', async () => {
    const created = await placed(core.ctx, [{ skuId: sku, quantity: 2 }], { userId: 77, guest: true });
    const orderId = created.orders[0]?.orderId;
    const { status, body: order } = await http.send('viewer', 'GET', `/v1/orders/${orderId}`);
    expect(status).toBe(200);
    expect(order).toMatchObject({
      orderId,
      payOrderId: created.payOrderId,
      userId: '77',
      guest: true,
      state: { code: 'O0', name: 'ORDER_CREATED' },
      goodsAmount: { amount: 15_800, currency: 'CNY' },
      payable: { amount: 15_800, currency: 'CNY' },
      address: ADDRESS,
      lines: [
        { lineNo: 1, skuId: String(sku), quantity: 2, unitPrice: { amount: 7_900 }, payable: { amount: 15_800 } },
      ],
      payments: [],
      shipments: [],
      refunds: [],
      timeline: [
        {
          type: 'order.created',
          machine: 'order',
          entityId: orderId,
          from: null,
          to: { code: 'O0', name: 'ORDER_CREATED' },
          actor: 'a shop',
        },
      ],
    });
  });

  it('shows what other rooms wrote about it', async () => {
    const created = await placed(core.ctx, [sku]);
    const orderId = created.orders[0]?.orderId ?? '';
    const now = new Date('2026-11-11T00:00:00Z');
    await core.ctx.db.query({
      text: `INSERT INTO core.payment (id, pay_order_id, user_id, attempt_no, channel, currency, amount, expires_at, created_at, state, state_since)
        VALUES ('pay_1', $1, 42, 1, 'sandbox', 'CNY', 7900, $2, $2, 'P7', $2)`,
      values: [created.payOrderId, now],
    });
    await core.ctx.db.query({
      text: `INSERT INTO core.shipment (id, order_id, pay_order_id, created_at, state, state_since) VALUES ('shp_1', $1, $2, $3, 'F2', $3)`,
      values: [orderId, created.payOrderId, now],
    });
    const { body: order } = await http.send('shop', 'GET', `/v1/orders/${orderId}`);
    expect(order).toMatchObject({
      payments: [
        {
          paymentId: 'pay_1',
          state: { code: 'P7', name: 'PAYMENT_PROCESSING' },
          amount: { amount: 7_900, currency: 'CNY' },
        },
      ],
      shipments: [{ shipmentId: 'shp_1', state: { code: 'F2', name: 'FULFILMENT_PROCESSING' } }],
    });
    const { body: payOrder } = await http.send('merchant', 'GET', `/v1/pay-orders/${created.payOrderId}`);
    expect(payOrder).toMatchObject({
      payOrderId: created.payOrderId,
      userId: '42',
      payable: { amount: 7_900 },
      couponCode: null,
      paidAt: null,
      orders: [{ orderId }],
      payments: [{ paymentId: 'pay_1' }],
    });
  });

  it.each([
    ['/v1/orders/1234567890123456789', 404, 'order_unknown'],
    ['/v1/orders/abc', 422, 'invalid_request'],
    ['/v1/pay-orders/1234567890123456789', 404, 'pay_order_unknown'],
    ['/v1/orders', 422, 'invalid_request'],
    ['/v1/orders?userId=1&extra=1', 422, 'invalid_request'],
    ['/v1/orders?userId=1&limit=0', 422, 'invalid_request'],
    ['/v1/orders?userId=1&cursor=%21', 422, 'invalid_cursor'],
    ['/v1/orders?userId=1&cursor=MQ', 422, 'invalid_cursor'],
  ])('%s is refused', async (path, status, code) => {
    const answer = await http.send('shop', 'GET', path);
    expect({ status: answer.status, code: answer.body['code'] }).toEqual({ status, code });
  });
});

describe('GET /v1/orders?userId=', () => {
  it("pages through a user's orders, the newest first, each once", async () => {
    const ids: unknown[] = [];
    for (let i = 0; i < 5; i += 1) ids.push((await placed(core.ctx, [sku], { userId: 500 })).orders[0]?.orderId);
    await placed(core.ctx, [sku], { userId: 1_500 });
    const seen: unknown[] = [];
    let cursor = '';
    do {
      const { body: page } = await http.send('shop', 'GET', `/v1/orders?userId=500&limit=2${cursor}`);
      for (const item of page['items'] as { orderId: string }[]) seen.push(item.orderId);
      cursor = page['next'] === null ? '' : `&cursor=${page['next']}`;
    } while (cursor !== '');
    expect(seen).toEqual(ids.reverse());
  });
});
