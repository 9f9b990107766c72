import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { booksOf, expectBooksAgree, LIVE } from '../support/books.ts';
import { eventually } from '../support/eventually.ts';
import { ADDRESS, faultsAnswer, type Reply, Shop } from '../support/shop.ts';
import { type System, startSystem } from '../support/system.ts';

/**
 * The sale night in small: everything outside loses replies, repeats callbacks and dawdles, processes die, and in the end
 * every order has come to its end and three books say the same.
 */
const ORDERS = 500;
const SHOPPERS = 32;

/** Marketing sends no callbacks, so none of its can be repeated. */
const CALLS_BACK: ReadonlySet<string> = new Set(['channel', 'fulfilment']);

const FAULTS = ['channel', 'marketing', 'fulfilment'].flatMap((service) => [
  { service, kind: 'reply_lost', probability: 0.3 },
  ...(CALLS_BACK.has(service) ? [{ service, kind: 'duplicate_callback', probability: 0.3 }] : []),
  { service, kind: 'delay', probability: 1, minMs: 0, maxMs: 500 },
]);

interface Night {
  readonly placed: number;
  readonly paid: number;
}

/** Every third order carries a coupon, so that marketing is in it too. */
async function shopTheNight(
  system: System,
  shop: Shop,
  skuIds: readonly string[],
  orders: number,
  during?: (done: number) => void,
): Promise<Night> {
  const codes = await grantCoupons(shop, Math.ceil(orders / 3));
  let next = 0;
  let paid = 0;
  let placed = 0;
  const shopper = async (): Promise<void> => {
    for (let n = next++; n < orders; n = next++) {
      during?.(n);
      const coupon = n % 3 === 0 ? codes[n / 3] : undefined;
      if (await shopOne(shop, n, skuIds[n % skuIds.length] ?? '', coupon, system.all('core').length)) paid += 1;
      placed += 1;
    }
  };
  await Promise.all(Array.from({ length: SHOPPERS }, shopper));
  return { placed, paid };
}

async function grantCoupons(shop: Shop, count: number): Promise<string[]> {
  const codes = Array.from({ length: count }, (_, i) => `NIGHT${String(i).padStart(4, '0')}`);
  for (const code of codes) {
    const granted = await shop.core('/v1/coupons', {
      method: 'POST',
      role: 'merchant',
      headers: { 'idempotency-key': code },
      body: { code, amount: { amount: 500, currency: 'CNY' }, validUntil: '2099-01-01T00:00:00Z' },
    });
    if (granted.status >= 300) throw new Error(JSON.stringify(granted.body));
  }
  return codes;
}

/** A dogged shopper: repeats with the same keys until the order is placed and the money is at the channel. */
async function shopOne(
  shop: Shop,
  n: number,
  skuId: string,
  coupon: string | undefined,
  cores: number,
): Promise<boolean> {
  const body = {
    userId: String(1000 + n),
    type: 'physical',
    items: [{ skuId, quantity: 1 + (n % 3) }],
    address: ADDRESS,
    ...(coupon === undefined ? {} : { couponCode: coupon }),
  };
  const placed = await doggedly(() => shop.order(body, `night-${n}`, n % cores));
  const payOrderId = String(placed.body['payOrderId']);
  return eventually(
    async () => {
      const paying = await doggedly(() => shop.pay(payOrderId, n % cores));
      const { code } = paying.body['status'] as { code: string };
      if (code === 'P8') return true;
      expect(code, JSON.stringify(paying.body)).toBe('P7');
      const decided = await shop.sandbox(`/sandbox/pay/${String(paying.body['paymentId'])}`, {
        method: 'POST',
        body: { result: 'paid' },
      });
      expect([200, 409]).toContain(decided.status);
      return true;
    },
    { timeoutMs: 60_000, everyMs: 100 },
  );
}

async function doggedly(call: () => Promise<Reply>): Promise<Reply> {
  return eventually(
    async () => {
      const reply = await call();
      if (reply.status >= 500) throw new Error(JSON.stringify(reply.body));
      expect(reply.status, JSON.stringify(reply.body)).toBeLessThan(300);
      return reply;
    },
    { timeoutMs: 60_000, everyMs: 50 },
  );
}

/** Lifts the faults, after making sure that each of them really struck, and waits until nothing is on its way any more. */
async function settle(system: System, shop: Shop): Promise<void> {
  const { faults } = faultsAnswer.parse((await shop.sandbox('/sandbox/faults')).body);
  expect(faults).toHaveLength(FAULTS.length);
  for (const { kind, service, fired } of faults) expect(fired, `${service} ${kind}`).toBeGreaterThan(10);
  expect((await shop.sandbox('/sandbox/faults', { method: 'DELETE' })).status).toBe(200);
  await eventually(
    async () => {
      const stuck = await system.database.db.query({ text: LIVE });
      expect(stuck).toEqual([]);
    },
    { timeoutMs: 60_000, everyMs: 250 },
  );
}

describe('500 orders by 32 shoppers while everything outside is unreliable', () => {
  let system: System;
  let shop: Shop;
  beforeAll(async () => {
    system = await startSystem({ env: { TIDEGATE_LOG_LEVEL: 'fatal' } });
    shop = new Shop(system);
  });
  afterAll(async () => {
    await system?.[Symbol.asyncDispose]();
  });

  it('ends with every order at its end and the books agreeing to the cent', async () => {
    const skuIds = await shop.stockUp('t-shirt', { stock: 5_000 });
    expect((await shop.sandbox('/sandbox/faults', { method: 'PUT', body: { seed: 11, faults: FAULTS } })).status).toBe(
      200,
    );
    const night = await shopTheNight(system, shop, skuIds, ORDERS);
    expect(night).toEqual({ placed: ORDERS, paid: ORDERS });
    await settle(system, shop);
    expectBooksAgree(await booksOf(system), ORDERS);
  }, 240_000);
});

describe('the same with two cores and two reconcilers, and kill -9 in the middle', () => {
  let system: System;
  let shop: Shop;
  beforeAll(async () => {
    system = await startSystem({ cores: 2, reconcilers: 2, env: { TIDEGATE_LOG_LEVEL: 'fatal' } });
    shop = new Shop(system);
  });
  afterAll(async () => {
    await system?.[Symbol.asyncDispose]();
  });

  it('loses nothing, does nothing twice, and both reconcilers did their share', async () => {
    const skuIds = await shop.stockUp('t-shirt', { stock: 5_000 });
    expect((await shop.sandbox('/sandbox/faults', { method: 'PUT', body: { seed: 12, faults: FAULTS } })).status).toBe(
      200,
    );
    const deaths: Promise<void>[] = [];
    const victims = [
      { at: Math.floor(ORDERS / 4), proc: system.all('core')[0] },
      { at: Math.floor(ORDERS / 2), proc: system.one('control') },
      { at: Math.floor((ORDERS * 3) / 4), proc: system.all('reconcile')[0] },
    ];
    const night = await shopTheNight(system, shop, skuIds, ORDERS, (n) => {
      const victim = victims.find((v) => v.at === n);
      if (victim?.proc === undefined) return;
      const { proc } = victim;
      deaths.push(proc.kill().then(() => proc.start()));
    });
    await Promise.all(deaths);
    expect(deaths).toHaveLength(3);
    expect(night).toEqual({ placed: ORDERS, paid: ORDERS });
    await settle(system, shop);
    expectBooksAgree(await booksOf(system), ORDERS);
    const shares = await system.database.db.query<{ replica: string; advanced: number }>({
      text: 'SELECT replica, sum(advanced)::bigint AS advanced FROM reconcile.repair_run GROUP BY replica ORDER BY replica',
    });
    const total = shares.reduce((sum, share) => sum + share.advanced, 0);
    expect(shares).toHaveLength(2);
    for (const share of shares) expect(share.advanced, JSON.stringify(shares)).toBeGreaterThanOrEqual(total / 5);
  }, 300_000);
});
