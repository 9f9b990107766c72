import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CoreContext } from '../../core/context.ts';
import { addMs, VirtualClock } from '../../core/kernel/clock.ts';
import { earnPoints, expirePoints, grantPoints, pointsOfUser } from '../../core/marketing/points.ts';
import { cancelOrder } from '../../core/orders/cancel.ts';
import { pay } from '../../core/payments/payments.ts';
import { skusOnShelf } from '../support/catalogue.ts';
import { type TestCore, testCore } from '../support/core.ts';
import { place, placed } from '../support/orders.ts';
import { fakeOutside } from '../support/outside.ts';

const NEVER = new AbortController().signal;
const clock = new VirtualClock(new Date('2026-11-11T00:00:00Z'));

let core: TestCore;
let ctx: CoreContext;
let sku: number;
let users = 1_000;
let keys = 0;
beforeAll(async () => {
  const outside = fakeOutside();
  outside.channel.onInit = 'paid';
  core = await testCore({ ...outside.options, clock, poolSize: 16 });
  ctx = core.ctx;
  [sku = 0] = await skusOnShelf(ctx, { skus: [{ price: '79.00', infinite: true }] });
});
afterAll(() => core[Symbol.asyncDispose]());

async function userWith(points: number): Promise<number> {
  users += 1;
  if (points > 0) await give(users, points);
  return users;
}

async function give(userId: number, points: number, lastsMs?: number): Promise<void> {
  const validUntil = lastsMs === undefined ? undefined : addMs(clock.now(), lastsMs);
  const granted = await grantPoints(
    ctx,
    'a merchant',
    { userId, points, reason: 'a test', validUntil },
    `key-${++keys}`,
  );
  if (!granted.ok) throw new Error(granted.detail);
}

/** What the user can spend, what orders hold, and what the ledger says they have: the first two are the last. */
async function standing(
  userId: number,
): Promise<{ available: number; locked: number; balance: number; least: number }> {
  const { available, locked } = await pointsOfUser(ctx.db, userId, clock.now());
  const [row] = await ctx.db.query<{ balance: number | null; least: number | null; rest: number }>({
    text: `SELECT (SELECT balance FROM core.account WHERE id = $1) AS balance,
      (SELECT min(balance_after) FROM core.entry WHERE account_id = $1) AS least`,
    values: [`points:${userId}:PTS`],
  });
  return { available, locked, balance: row?.balance ?? 0, least: row?.least ?? 0 };
}

const orderOf = (created: { orders: readonly { orderId: string }[] }): string => created.orders[0]?.orderId ?? '';

describe('points at the order', () => {
  test('pay a part of it, are locked, and lie on its lines', async () => {
    const userId = await userWith(1_000);
    const created = await placed(ctx, [sku, { skuId: sku, quantity: 2 }], { userId, points: 1_000 });
    expect(created.payable.amount).toBe(3 * 7_900 - 1_000);
    expect(await standing(userId)).toMatchObject({ available: 0, locked: 1_000, balance: 1_000 });
    const lines = await ctx.db.query({
      text: 'SELECT discount, coupon_amount, points_amount, points FROM core.order_line WHERE order_id = $1 ORDER BY line_no',
      values: [orderOf(created)],
    });
    expect(lines).toEqual([
      { discount: 333, coupon_amount: 0, points_amount: 333, points: 333 },
      { discount: 667, coupon_amount: 0, points_amount: 667, points: 667 },
    ]);
  });

  test('no more are taken than the goods cost', async () => {
    const userId = await userWith(10_000);
    const created = await placed(ctx, [sku], { userId, points: 10_000 });
    expect(created.payable.amount).toBe(0);
    expect(await standing(userId)).toMatchObject({ available: 2_100, locked: 7_900 });
  });

  test('more than the user has refuse the order, and leave nothing taken', async () => {
    const userId = await userWith(99);
    expect(await place(ctx, [sku], { userId, points: 100 })).toMatchObject({ ok: false, code: 'balance_too_low' });
    expect(await standing(userId)).toMatchObject({ available: 99, locked: 0 });
  });

  test('in KWD one is worth 10 fils, and the rest is paid in coins', async () => {
    const [own = 0] = await skusOnShelf(ctx, { currency: 'KWD', skus: [{ price: '0.333', infinite: true }] });
    const userId = await userWith(100);
    expect((await placed(ctx, [own], { userId, points: 100 })).payable).toEqual({ amount: 3, currency: 'KWD' });
    expect(await standing(userId)).toMatchObject({ available: 67, locked: 33 });
  });

  test('go to as many of ten orders at once as there are', async () => {
    const userId = await userWith(350);
    const all = await Promise.all(Array.from({ length: 10 }, () => place(ctx, [sku], { userId, points: 100 })));
    expect(all.filter((one) => one.ok)).toHaveLength(3);
    expect(await standing(userId)).toMatchObject({ available: 50, locked: 300, balance: 350 });
  });

  test('that end first are spent first, and come back to their lots when it is cancelled, once', async () => {
    const userId = await userWith(0);
    await give(userId, 100, 90_000_000);
    await give(userId, 100, 80_000_000);
    const created = await placed(ctx, [sku], { userId, points: 150 });
    const rests = async () =>
      ctx.db.query({
        text: 'SELECT rest FROM core.points_lot WHERE user_id = $1 ORDER BY expires_at',
        values: [userId],
      });
    expect(await rests()).toEqual([{ rest: 0 }, { rest: 50 }]);
    await cancelOrder(ctx, orderOf(created), 'a test', NEVER);
    await cancelOrder(ctx, orderOf(created), 'a test', NEVER);
    expect(await rests()).toEqual([{ rest: 100 }, { rest: 100 }]);
  });

  test('are skipped with a notice while the switch is off', async () => {
    const userId = await userWith(100);
    core.guard.off.add('marketing.points');
    const created = await placed(ctx, [sku], { userId, points: 100 });
    core.guard.off.clear();
    expect(created).toMatchObject({ payable: { amount: 7_900 }, notices: [{ code: 'points_skipped' }] });
    expect(await standing(userId)).toMatchObject({ available: 100, locked: 0 });
  });

  test('a switch flipped between pricing and payment changes nothing: what was priced is paid with', async () => {
    const userId = await userWith(100);
    const { payOrderId } = await placed(ctx, [sku], { userId, points: 100 });
    core.guard.off.add('marketing.points');
    core.guard.off.add('marketing.coupons');
    const paid = await pay(ctx, { payOrderId, channel: 'sandbox' }, NEVER);
    core.guard.off.clear();
    expect(paid).toMatchObject({ ok: true, value: { state: 'P8' } });
    expect(await standing(userId)).toMatchObject({ available: 0, locked: 0, balance: 0 });
  });
});

describe('points of completed orders', () => {
  test('one for each 100 of cash, once, however often the event is shown', async () => {
    const userId = await userWith(100);
    const { payOrderId, orders } = await placed(ctx, [sku], { userId, points: 100 });
    await pay(ctx, { payOrderId, channel: 'sandbox' }, NEVER);
    for (let i = 0; i < 3; i += 1) await ctx.db.tx((tx) => earnPoints(tx, ctx, orders[0]?.orderId ?? ''));
    // 79.00 less 1.00 in points: 78.00 of cash.
    expect(await standing(userId)).toMatchObject({ available: 78, balance: 78 });
  });
});

type Command =
  | { readonly kind: 'give'; readonly points: number; readonly lastsMs: number }
  | { readonly kind: 'order'; readonly points: number }
  | { readonly kind: 'cancel' | 'pay'; readonly which: number }
  | { readonly kind: 'time'; readonly ms: number };

const HOUR_MS = 3_600_000;
const command = fc.oneof(
  fc.record({
    kind: fc.constant('give' as const),
    points: fc.integer({ min: 1, max: 500 }),
    lastsMs: fc.integer({ min: 1, max: 4 * HOUR_MS }),
  }),
  fc.record({ kind: fc.constant('order' as const), points: fc.integer({ min: 1, max: 600 }) }),
  fc.record({ kind: fc.constantFrom('cancel' as const, 'pay' as const), which: fc.nat(5) }),
  fc.record({ kind: fc.constant('time' as const), ms: fc.integer({ min: 1, max: HOUR_MS }) }),
);

test('whatever is done, two at a time, points never go below 0, and lots, holds and ledger agree', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(command, command), { minLength: 1, maxLength: 10 }), async (pairs) => {
      const userId = await userWith(200);
      const open: { payOrderId: string; orderId: string }[] = [];
      for (const pair of pairs) {
        await Promise.all(pair.map((one) => run(one, userId, open)));
        const { available, locked, balance, least } = await standing(userId);
        expect(Math.min(available, locked, least)).toBeGreaterThanOrEqual(0);
        const [row] = await ctx.db.query<{ rest: number }>({
          text: 'SELECT coalesce(sum(rest), 0)::bigint AS rest FROM core.points_lot WHERE user_id = $1',
          values: [userId],
        });
        expect(balance).toBe((row?.rest ?? 0) + locked);
      }
      while ((await expirePoints(ctx, 200)) > 0);
      const { available, locked, balance } = await standing(userId);
      expect(balance).toBe(available + locked);
    }),
    { numRuns: 25 },
  );
}, 60_000);

async function run(one: Command, userId: number, open: { payOrderId: string; orderId: string }[]): Promise<void> {
  switch (one.kind) {
    case 'give':
      return give(userId, one.points, one.lastsMs);
    case 'order': {
      const result = await place(ctx, [sku], { userId, points: one.points });
      if (!result.ok) {
        expect(result.code).toBe('balance_too_low');
        return;
      }
      const { created } = result.value;
      open.push({ payOrderId: created.payOrderId, orderId: orderOf(created) });
      return;
    }
    case 'cancel':
    case 'pay': {
      const order = open[one.which];
      if (order === undefined) return;
      if (one.kind === 'cancel') await cancelOrder(ctx, order.orderId, 'a test', NEVER);
      else await pay(ctx, { payOrderId: order.payOrderId, channel: 'sandbox' }, NEVER);
      return ctx.background.idle();
    }
    case 'time':
      clock.advance(one.ms);
      await expirePoints(ctx, 50);
  }
}
