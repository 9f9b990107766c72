import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { ADDRESS, placedAnswer, Shop } from '../support/shop.ts';
import { type System, startSystem } from '../support/system.ts';

let system: System;
let shop: Shop;

beforeAll(async () => {
  system = await startSystem({ reconcilers: 0, controls: 0 });
  shop = new Shop(system);
});
afterAll(async () => {
  await system?.[Symbol.asyncDispose]();
});

it('places, pays, ships and books an order over HTTP', async () => {
  const [skuId] = await shop.stockUp('t-shirt');
  const placed = await shop.order(
    { userId: '12345', type: 'physical', items: [{ skuId, quantity: 2 }], address: ADDRESS },
    'first',
  );
  expect(placed).toMatchObject({ status: 201, body: { payable: { amount: 15_800, currency: 'CNY' } } });
  const { payOrderId, orders } = placedAnswer.parse(placed.body);
  const paying = await shop.pay(payOrderId);
  expect(paying).toMatchObject({ status: 200, body: { status: { code: 'P7' } } });
  const paymentId = String(paying.body['paymentId']);
  expect(await shop.sandbox(`/sandbox/pay/${paymentId}`, { method: 'POST', body: { result: 'paid' } })).toMatchObject({
    status: 200,
    body: { state: 'paid' },
  });
  const orderId = orders[0]?.orderId ?? '';
  const order = await eventually(async () => {
    const answer = await shop.core(`/v1/orders/${orderId}`);
    expect(answer.body).toMatchObject({ state: { code: 'O2' } });
    return answer.body;
  });
  expect(order).toMatchObject({ payments: [{ state: { code: 'P8' } }], shipments: [{ state: { code: 'F4' } }] });
  expect(order['timeline']).toContainEqual(
    expect.objectContaining({ machine: 'callback', to: { code: 'APPLIED', name: 'CALLBACK_APPLIED' } }),
  );
  const entries = await system.database.db.query<{ account_id: string; amount: number }>({
    text: 'SELECT account_id, amount FROM core.entry ORDER BY account_id',
  });
  expect(entries).toEqual([
    { account_id: 'clearing:sandbox:CNY', amount: 15_800 },
    { account_id: 'merchant_payable:CNY', amount: -15_800 },
  ]);
  const [stock] = await system.database.db.query({
    text: 'SELECT on_hand, reserved, sold FROM core.stock WHERE sku_id = $1',
    values: [Number(skuId)],
  });
  expect(stock).toEqual({ on_hand: 98, reserved: 0, sold: 2 });
});
