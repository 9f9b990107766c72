import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { setPrice } from '../../core/catalog/catalog.ts';
import type { CoreContext } from '../../core/context.ts';
import { stockOf } from '../../core/stock/stock.ts';
import { skusOnShelf } from '../support/catalogue.ts';
import type { TestCore } from '../support/core.ts';
import { place, placed } from '../support/orders.ts';
import { dyingAt } from './dying.ts';
import { coreAtNow, coupon, couponState, everything, rows } from './placing.ts';

let core: TestCore;
let ctx: CoreContext;
beforeAll(async () => {
  core = await coreAtNow();
  ctx = core.ctx;
});
afterAll(() => core[Symbol.asyncDispose]());

describe('the key of an order', () => {
  it('answers the first result again, even when the order has moved on', async () => {
    const [a] = await skusOnShelf(ctx, { skus: [{ stock: 1 }] });
    const code = await coupon(ctx, 100);
    const wish = { key: 'again', couponCode: code };
    const first = await placed(ctx, [a ?? 0], wish);
    await rows(ctx, `UPDATE core.orders SET state = 'O1' WHERE pay_order_id = $1`, first.payOrderId);
    await setPrice(ctx, 'm', a ?? 0, { price: { amount: 1, currency: 'CNY' } });
    const before = await everything(ctx);
    expect(await place(ctx, [a ?? 0], wish)).toEqual({ ok: true, value: { created: first, replayed: true } });
    expect(await everything(ctx)).toEqual(before);
  });

  it('is refused with another body, and belongs to its user', async () => {
    const [a] = await skusOnShelf(ctx);
    await placed(ctx, [a ?? 0], { key: 'mine' });
    expect(await place(ctx, [{ skuId: a ?? 0, quantity: 2 }], { key: 'mine' })).toMatchObject({
      ok: false,
      code: 'idempotency_key_reused',
    });
    expect((await placed(ctx, [a ?? 0], { key: 'mine', userId: 43 })).payable.amount).toBe(7_900);
  });

  it.each([
    ['with plenty of stock', 100, false],
    ['for the last piece', 1, false],
    ['with a coupon', 100, true],
  ])('makes one order of eight requests at once %s', async (_what, stock, withCoupon) => {
    const [a] = await skusOnShelf(ctx, { skus: [{ stock }] });
    const options = { key: `raced-${_what}`, ...(withCoupon ? { couponCode: await coupon(ctx, 100) } : {}) };
    const all = await Promise.all(Array.from({ length: 8 }, () => place(ctx, [a ?? 0], options)));
    const good = all.flatMap((one) => (one.ok ? [one.value] : []));
    expect(good).toHaveLength(8);
    expect(new Set(good.map((one) => one.created.payOrderId)).size).toBe(1);
    expect(good.filter((one) => !one.replayed)).toHaveLength(1);
    expect((await stockOf(ctx.db, [a ?? 0])).get(a ?? 0)).toEqual({ onHand: stock - 1, reserved: 1, sold: 0 });
  });
});

describe('a crash', () => {
  it.each([1, 2, 3, 4, 5])('at statement %d of the transaction leaves nothing', async (nth) => {
    const [a] = await skusOnShelf(ctx, { skus: [{ stock: 3 }] });
    const couponCode = await coupon(ctx, 100);
    const key = `crash-${nth}`;
    const before = await everything(ctx);
    await expect(place(dyingAt(ctx, nth), [a ?? 0], { couponCode, key })).rejects.toThrow('the process died');
    expect(await everything(ctx)).toEqual(before);
    expect(await couponState(ctx, couponCode)).toEqual([{ state: 'available', pay_order_id: null }]);
    expect((await place(ctx, [a ?? 0], { couponCode, key })).ok).toBe(true);
  });
});
