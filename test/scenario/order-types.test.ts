import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../core/kernel/clock.ts';
import { eventually } from '../support/eventually.ts';
import { ADDRESS, placedAnswer, type Reply, Shop } from '../support/shop.ts';
import { type System, startSystem } from '../support/system.ts';

/* The source's kinds of orders (订单类型), each from the shop's request to its end, as the document tells them. */
let system: System;
let shop: Shop;
let keys = 0;

beforeAll(async () => {
  system = await startSystem({ reconcilers: 1, controls: 0 });
  shop = new Shop(system);
});
afterAll(async () => {
  await system?.[Symbol.asyncDispose]();
});

interface Ordered {
  readonly payOrderId: string;
  readonly orderId: string;
}

/** Places an order of user 12345 that must be taken. */
async function ordered(body: Record<string, unknown>): Promise<Ordered> {
  keys += 1;
  const placed = await shop.order({ userId: '12345', ...body }, `types-${keys}`);
  if (placed.status !== 201) throw new Error(JSON.stringify(placed.body));
  const { payOrderId, orders } = placedAnswer.parse(placed.body);
  return { payOrderId, orderId: orders[0]?.orderId ?? '' };
}

/** The shopper presses pay, and pays at the channel. */
async function paid(payOrderId: string): Promise<void> {
  const paying = await shop.pay(payOrderId);
  expect(paying).toMatchObject({ status: 200, body: { status: { code: 'P7' } } });
  const result = { method: 'POST', body: { result: 'paid' } };
  await shop.sandbox(`/sandbox/pay/${String(paying.body['paymentId'])}`, result);
}

/** The order, once it has come to a state. */
function reaches(orderId: string, state: string): Promise<Reply['body']> {
  return eventually(async () => {
    const { body } = await shop.core(`/v1/orders/${orderId}`);
    expect(body).toMatchObject({ state: { code: state } });
    return body;
  });
}

describe('topup (充值): 中国移动流量包充值, 全国通用流量包充值，按需选择，自动到账', () => {
  let oneGigabyte = '';
  beforeAll(async () => {
    [oneGigabyte = ''] = await shop.stockUp('mobile-data');
  });
  const topUp = (account?: string): Record<string, unknown> => ({
    type: 'topup',
    items: [{ skuId: oneGigabyte, quantity: 1, expectedPrice: { amount: 500, currency: 'CNY' } }],
    ...(account === undefined ? {} : { details: { account } }),
  });

  it('wants to know which phone, and that it is one', async () => {
    for (const [key, account, message] of [
      ['nobody', undefined, expect.any(String)],
      ['nonsense', '138 0000', 'must be a phone number of 5 to 20 digits, or an account name'],
    ] as const) {
      expect(await shop.order({ userId: '12345', ...topUp(account) }, key)).toMatchObject({
        status: 422,
        body: { code: 'invalid_request', errors: [{ path: 'details.account', message }] },
      });
    }
  });

  it('1GB（7天） for 5.00 arrives at the phone by itself: no address, no freight, no code', async () => {
    const { payOrderId, orderId } = await ordered(topUp('13800000000'));
    await paid(payOrderId);
    const order = await reaches(orderId, 'O2');
    expect(order).toMatchObject({
      address: null,
      freight: { amount: 0 },
      details: { account: '13800000000' },
      shipments: [{ state: { code: 'F4' }, codes: null, carrier: null }],
    });
    const { body } = await shop.sandbox('/sandbox/shipments');
    expect(body['shipments']).toContainEqual(
      expect.objectContaining({ orderId, account: '13800000000', state: 'delivered', requests: 1 }),
    );
  });

  it('that cannot be delivered is paid back', async () => {
    const faults = [{ service: 'fulfilment', kind: 'refused', operation: 'init', count: 1 }];
    await shop.sandbox('/sandbox/faults', { method: 'PUT', body: { faults } });
    const { payOrderId, orderId } = await ordered(topUp('13800000001'));
    await paid(payOrderId);
    expect(await reaches(orderId, 'O3')).toMatchObject({
      shipments: [{ state: { code: 'F3' } }],
      refunds: [{ state: { code: 'R10' }, amount: { amount: 500 }, cause: 'fulfilment_failed' }],
    });
  });
});

describe('hotel (酒店预订): 需选择入住/离店日期、房型、入住人信息, 对接第三方酒店系统锁房, 取消可能涉及违约金', () => {
  const day = (inDays: number): string =>
    new Date(systemClock.now().getTime() + inDays * 86_400_000).toISOString().slice(0, 10);
  let kingRoom = '';
  beforeAll(async () => {
    [kingRoom = ''] = await shop.stockUp('mobile-data', {});
  });
  const book = (penaltyPercent?: number): Record<string, unknown> => ({
    type: 'hotel',
    items: [{ skuId: kingRoom, quantity: 2 }],
    details: {
      checkIn: day(30),
      checkOut: day(32),
      guest: '李雷',
      ...(penaltyPercent === undefined
        ? {}
        : { cancellation: { freeUntil: systemClock.now().toISOString(), penaltyPercent } }),
    },
  });

  it('wants dates that make a stay, a guest, and a night for each piece', async () => {
    const { details, ...rest } = book();
    const refused = async (key: string, body: Record<string, unknown>): Promise<unknown> => {
      const { status, body: problem } = await shop.order({ userId: '12345', ...rest, ...body }, key);
      return [status, problem.code, problem['errors']];
    };
    const other = (changes: Record<string, unknown>) => ({ details: { ...(details as object), ...changes } });
    expect(await refused('backwards', other({ checkOut: day(29) }))).toEqual([
      422,
      'invalid_request',
      [{ path: 'details.checkOut', message: 'must be after checkIn' }],
    ]);
    expect(await refused('nobody', other({ guest: ' ' }))).toMatchObject([
      422,
      'invalid_request',
      [{ path: 'details.guest' }],
    ]);
    expect(await refused('half-a-room', { ...other({}), items: [{ skuId: kingRoom, quantity: 3 }] })).toMatchObject([
      422,
      'order_type_mismatch',
      [{ path: 'items.0.quantity' }],
    ]);
  });

  it('locks the room, is paid, and shows the hotel’s confirmation (电子凭证): nothing is shipped', async () => {
    const { payOrderId, orderId } = await ordered(book());
    const locked = await eventually(async () => {
      const { body } = await shop.core(`/v1/orders/${orderId}`);
      expect(body).toMatchObject({ stay: { state: { code: 'LOCKED' }, rooms: 1, guest: '李雷' } });
      return body;
    });
    await paid(payOrderId);
    expect(await reaches(orderId, 'O1')).toMatchObject({
      shipments: [],
      stay: { state: { code: 'CONFIRMED' }, confirmation: expect.stringMatching(/^H[0-9A-F]{8}$/), penalty: null },
    });
    expect(locked['payments']).toEqual([]);
  });

  it('cancelled late keeps the penalty (违约金) and pays the rest back', async () => {
    const { payOrderId, orderId } = await ordered(book(30));
    await eventually(async () => {
      const { body } = await shop.core(`/v1/orders/${orderId}`);
      expect(body).toMatchObject({ stay: { state: { code: 'LOCKED' } } });
    });
    await paid(payOrderId);
    await reaches(orderId, 'O1');
    const reason = { method: 'POST', body: { reason: '行程有变' } };
    expect(await shop.core(`/v1/orders/${orderId}/cancel`, reason)).toMatchObject({ status: 200 });
    expect(await reaches(orderId, 'O3')).toMatchObject({
      stay: { state: { code: 'RELEASED' }, penalty: { amount: 300 } },
      refunds: [{ state: { code: 'R10' }, amount: { amount: 700 }, cause: 'stay_cancelled' }],
    });
    const { body } = await shop.sandbox('/sandbox/rooms');
    expect(body['rooms']).toContainEqual(expect.objectContaining({ orderId, state: 'released', tombstone: false }));
  });
});

describe('presale (预售): 订单分为定金和尾款两阶段, 定金膨胀, 发货在尾款支付后', () => {
  let tShirt = '';
  beforeAll(async () => {
    [tShirt = ''] = await shop.stockUp('t-shirt');
  });
  const cny = (amount: number) => ({ amount, currency: 'CNY' });
  const inMinutes = (n: number): string => new Date(systemClock.now().getTime() + n * 60_000).toISOString();

  it('a deposit of 10.00 is worth 20.00 of the 79.00: the balance is 59.00, and then it is sent', async () => {
    keys += 1;
    const wish = {
      userId: '12345',
      type: 'presale',
      items: [{ skuId: tShirt, quantity: 1 }],
      address: ADDRESS,
      details: { deposit: cny(1_000), worth: cny(2_000), balanceFrom: inMinutes(0), balanceUntil: inMinutes(60) },
    };
    const placed = await shop.order(wish, `types-${keys}`);
    expect(placed).toMatchObject({ status: 201, body: { payable: cny(1_000), balance: { payable: cny(5_900) } } });
    const { payOrderId, orders } = placedAnswer.parse(placed.body);
    const orderId = orders[0]?.orderId ?? '';
    const { payOrderId: balance } = placed.body['balance'] as { payOrderId: string };
    expect(await shop.pay(balance)).toMatchObject({ status: 409, body: { code: 'stage_not_open' } });
    await paid(payOrderId);
    await eventually(async () => {
      const { body } = await shop.core(`/v1/pay-orders/${payOrderId}`);
      expect(body).toMatchObject({ stage: 'deposit', paidAt: expect.any(String) });
    });
    expect(await reaches(orderId, 'O0')).toMatchObject({ shipments: [], payments: [{ state: { code: 'P8' } }] });
    await paid(balance);
    expect(await reaches(orderId, 'O2')).toMatchObject({
      payable: cny(6_900),
      discount: cny(1_000),
      payments: [{ amount: cny(1_000) }, { amount: cny(5_900) }],
      shipments: [{ state: { code: 'F4' }, carrier: 'Sandbox Express' }],
    });
  });
});
