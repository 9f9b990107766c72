import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { ADDRESS, placedAnswer, type Reply, Shop } from '../support/shop.ts';
import { type System, startSystem } from '../support/system.ts';

/* The source's "重复下单" and "购物车" chapters, as a shop in front lives through them. */
let system: System;
let shop: Shop;

beforeAll(async () => {
  system = await startSystem({ reconcilers: 1, controls: 0 });
  shop = new Shop(system);
});
afterAll(async () => {
  await system?.[Symbol.asyncDispose]();
});

const count = async (table: string): Promise<unknown> =>
  (await system.database.db.query({ text: `SELECT count(*) AS n FROM core.${table}` }))[0]?.['n'];

async function pays(payOrderId: string): Promise<void> {
  const paying = await shop.pay(payOrderId);
  expect(paying).toMatchObject({ status: 200, body: { status: { code: 'P7' } } });
  await shop.sandbox(`/sandbox/pay/${String(paying.body['paymentId'])}`, { method: 'POST', body: { result: 'paid' } });
}

it('重复下单: the shopper presses "submit" five times and refreshes the page; there is one order', async () => {
  const [skuId] = await shop.stockUp('t-shirt');
  const body = { userId: '12345', type: 'physical', items: [{ skuId, quantity: 2 }], address: ADDRESS };
  // 进入创建订单页面时: the page that shows the order draws one key, and every submit of that page carries it.
  const key = 'page-7f3a';
  const presses = await Promise.all(Array.from({ length: 5 }, () => shop.order(body, key)));
  const refreshed = await shop.order(body, key);
  const answers = [...presses, refreshed];
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(5);
  expect(new Set(answers.map(({ body: { payOrderId } }) => payOrderId)).size).toBe(1);
  expect(await count('orders')).toBe(1);

  // 恶意提交: the same key for something else is not taken for the same.
  const other = await shop.order({ ...body, items: [{ skuId, quantity: 9 }] }, key);
  expect(other).toMatchObject({ status: 409, body: { code: 'idempotency_key_reused' } });

  // 支付: pay is pressed twice at once; there is one attempt, and the money is taken once.
  const { payOrderId, orders } = placedAnswer.parse(refreshed.body);
  const pressed = await Promise.all([shop.pay(payOrderId), shop.pay(payOrderId)]);
  expect(new Set(pressed.map(({ body: { paymentId } }) => paymentId)).size).toBe(1);
  await pays(payOrderId);
  await eventually(async () => {
    expect((await shop.core(`/v1/orders/${orders[0]?.orderId}`)).body).toMatchObject({ state: { code: 'O2' } });
  });
  expect(await count('capture')).toBe(1);
  expect(await count('shipment')).toBe(1);
});

it('购物车: a visitor puts two shops’ goods aside, logs in, buys them at once, and each shop ships its own', async () => {
  const shirts = await goods(7, '男士纯棉T恤', 79);
  const cups = await goods(8, '保温杯', 20);

  // 添加购物车时用户未登录: the shop keeps a token in the cookie, and nobody is led to the log-in page.
  const opened = await shop.core('/v1/carts', { method: 'POST', body: {} });
  const visitor = opened.body['cart'] as { cartId: string };
  const cookie = { 'cart-token': String(opened.body['token']) };
  const put = (skuId: string, quantity: number) =>
    shop.core(`/v1/carts/${visitor.cartId}/items/${skuId}`, { method: 'PUT', body: { quantity }, headers: cookie });
  expect((await put(shirts, 1)).status).toBe(200);
  expect((await put(cups, 2)).status).toBe(200);

  // 当用户登录后: she had a shirt in her cart since yesterday. The same SKU adds up; once, though two pages say it.
  const mine = await shop.core('/v1/carts', { method: 'POST', body: { userId: '20001' } });
  const { cartId } = mine.body['cart'] as { cartId: string };
  const hers = (path = '') => `/v1/carts/${cartId}${path}?userId=20001`;
  await shop.core(hers(`/items/${shirts}`), { method: 'PUT', body: { quantity: 1 } });
  const login = () =>
    shop.core(`/v1/carts/${visitor.cartId}/merge`, { method: 'POST', body: { userId: '20001' }, headers: cookie });
  await Promise.all([login(), login()]);
  const cart = await shop.core(hers());
  expect(linesOf(cart)).toEqual({ [shirts]: 2, [cups]: 2 });

  // 列表查看: meanwhile the cups became dearer, and the line says so.
  await shop.core(`/v1/skus/${cups}/price`, {
    method: 'POST',
    role: 'merchant',
    body: { price: { amount: 2_500, currency: 'CNY' } },
    headers: { 'idempotency-key': 'dearer' },
  });
  const seen = (await shop.core(hers())).body['lines'] as { skuId: string; notices: string[] }[];
  expect(seen.find(({ skuId }) => skuId === cups)?.notices).toEqual(['price_changed']);

  // 结算下单: one checkout, one sum, and per shop an order (不同店铺订单拆分).
  const bought = await shop.core(`/v1/carts/${cartId}/checkout`, {
    method: 'POST',
    body: { userId: '20001', type: 'physical', address: ADDRESS },
    headers: { 'idempotency-key': 'checkout-1' },
  });
  expect(bought).toMatchObject({
    status: 201,
    body: {
      payable: { amount: 20_800, currency: 'CNY' },
      orders: [
        { shopId: '7', payable: { amount: 15_800 } },
        { shopId: '8', payable: { amount: 5_000 } },
      ],
    },
  });
  expect(linesOf(await shop.core(hers()))).toEqual({});

  // 合并支付: one payment, and then each order goes its own way.
  const { payOrderId, orders } = placedAnswer.parse(bought.body);
  await pays(payOrderId);
  for (const { orderId } of orders) {
    await eventually(async () => {
      expect((await shop.core(`/v1/orders/${orderId}`)).body).toMatchObject({
        state: { code: 'O2' },
        shipments: [{ state: { code: 'F4' } }],
      });
    });
  }
});

function linesOf(reply: Reply): Record<string, number> {
  const lines = reply.body['lines'] as { skuId: string; quantity: number }[];
  return Object.fromEntries(lines.map(({ skuId, quantity }) => [skuId, quantity]));
}

/** A product of one shop on the shelf; returns its SKU. */
async function goods(shopId: number, name: string, yuan: number): Promise<string> {
  const text = `{"categoryId": 1003001, "shopId": ${shopId}, "spu": {"name": "${name}"},
    "skus": [{"skuName": "${name}", "price": ${yuan}.00, "stock": 50}]}`;
  const send = (path: string, body?: unknown, key = `goods-${shopId}`) =>
    shop.core(path, { method: 'POST', role: 'merchant', body, headers: { 'idempotency-key': key } });
  const made = await send('/v1/products', text);
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  for (const step of ['submit', 'approve', 'publish']) {
    expect((await send(`/v1/products/${String(made.body['spuId'])}/${step}`)).status).toBe(200);
  }
  return (made.body['skus'] as { skuId: string }[])[0]?.skuId ?? '';
}
