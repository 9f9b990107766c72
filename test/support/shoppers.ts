import { expect } from 'vitest';
import { z } from 'zod';
import { eventually } from './eventually.ts';
import { ADDRESS, type Reply, type Shop } from './shop.ts';

/** Shoppers who want what they came for: they repeat with the same keys until they have their answer. */
const PATIENCE = { timeoutMs: 60_000, everyMs: 50 };

/** Repeats what nobody could answer; any other refusal fails the test. */
export async function doggedly(call: () => Promise<Reply>): Promise<Reply> {
  return eventually(async () => {
    const reply = await call();
    if (reply.status >= 500) throw new Error(JSON.stringify(reply.body));
    expect(reply.status, JSON.stringify(reply.body)).toBeLessThan(300);
    return reply;
  }, PATIENCE);
}

/** `work(n)` for every n below `count`, by `shoppers` at a time. */
export async function crowd(count: number, shoppers: number, work: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  const shopper = async (): Promise<void> => {
    for (let n = next++; n < count; n = next++) await work(n);
  };
  await Promise.all(Array.from({ length: shoppers }, shopper));
}

export async function grantCoupons(shop: Shop, count: number): Promise<string[]> {
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

export interface Wish {
  /** Unique: it is the shopper and the key. */
  readonly n: number;
  readonly skuId: string;
  readonly quantity?: number;
  readonly coupon?: string | undefined;
  /** Which core is asked. */
  readonly at?: number;
}

const created = z.object({ payOrderId: z.string(), orders: z.tuple([z.object({ orderId: z.string() })]) });
const pressed = z.object({ paymentId: z.string(), status: z.object({ code: z.string() }) });

export interface Ordered {
  readonly payOrderId: string;
  readonly orderId: string;
}

export async function placeOne(shop: Shop, { n, skuId, quantity = 1, coupon, at = 0 }: Wish): Promise<Ordered> {
  const body = {
    userId: String(1000 + n),
    type: 'physical',
    items: [{ skuId, quantity }],
    address: ADDRESS,
    ...(coupon === undefined ? {} : { couponCode: coupon }),
  };
  const placed = await doggedly(() => shop.order(body, `night-${n}`, at));
  const { payOrderId, orders } = created.parse(placed.body);
  return { payOrderId, orderId: orders[0].orderId };
}

/** Presses pay until the attempt stands at the channel, and pays there; done when it is paid already. */
export async function payOne(shop: Shop, { payOrderId }: Ordered, at = 0): Promise<void> {
  await eventually(
    async () => {
      const paying = await doggedly(() => shop.pay(payOrderId, at));
      const { paymentId, status } = pressed.parse(paying.body);
      if (status.code === 'P8') return;
      expect(status.code, JSON.stringify(paying.body)).toBe('P7');
      const decided = await shop.sandbox(`/sandbox/pay/${paymentId}`, { method: 'POST', body: { result: 'paid' } });
      // 409: it is paid already, or closed; pressing pay once more tells.
      expect(decided.status, JSON.stringify(decided.body)).toBe(200);
    },
    { timeoutMs: 60_000, everyMs: 100 },
  );
}
