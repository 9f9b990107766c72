import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CoreContext } from '../../core/context.ts';
import { type PricedLine, shareDiscount } from '../../core/orders/pricing.ts';
import { skusOnShelf } from '../support/catalogue.ts';
import type { TestCore } from '../support/core.ts';
import { place, placed } from '../support/orders.ts';
import { coreAtNow, coupon, couponState, NOW, refusal, rows } from './placing.ts';

let core: TestCore;
let ctx: CoreContext;
beforeAll(async () => {
  core = await coreAtNow();
  ctx = core.ctx;
});
afterAll(() => core[Symbol.asyncDispose]());

describe('a coupon', () => {
  it('takes its amount off, is locked, and its discount is spread over the lines', async () => {
    const [a, b, c] = await skusOnShelf(ctx, { skus: [{ price: '10.00' }, { price: '10.00' }, { price: '10.00' }] });
    const code = await coupon(ctx, 1_000, { threshold: 3_000 });
    const created = await placed(ctx, [a ?? 0, b ?? 0, c ?? 0], { couponCode: code });
    expect(created).toMatchObject({
      payable: { amount: 2_000 },
      orders: [{ discount: { amount: 1_000 }, payable: { amount: 2_000 } }],
    });
    expect(await couponState(ctx, code)).toEqual([{ state: 'locked', pay_order_id: created.payOrderId }]);
    expect(
      await rows(
        ctx,
        'SELECT discount FROM core.order_line WHERE order_id = $1 ORDER BY line_no',
        created.orders[0]?.orderId,
      ),
    ).toEqual([{ discount: 334 }, { discount: 333 }, { discount: 333 }]);
  });

  it('worth more than the goods makes them payable 0, not less', async () => {
    const [a] = await skusOnShelf(ctx, { skus: [{ price: '10.00' }] });
    const created = await placed(ctx, [a ?? 0], { couponCode: await coupon(ctx, 99_999) });
    expect(created).toMatchObject({ payable: { amount: 0 }, orders: [{ discount: { amount: 1_000 } }] });
  });

  it.each([
    ['unknown', async () => 'NOSUCH', 'coupon_unknown'],
    ["somebody else's", async () => coupon(ctx, 100, { userId: 7 }), 'coupon_unknown'],
    ['below its threshold', async () => coupon(ctx, 100, { threshold: 7_901 }), 'coupon_unusable'],
    ['in another currency', async () => coupon(ctx, 100, { currency: 'EUR' }), 'currency_mismatch'],
    [
      'locked by another order',
      async () => {
        const [a] = await skusOnShelf(ctx);
        const code = await coupon(ctx, 100);
        await placed(ctx, [a ?? 0], { couponCode: code });
        return code;
      },
      'coupon_unusable',
    ],
  ])('that is %s refuses the order', async (_what, make, code) => {
    const [a] = await skusOnShelf(ctx);
    const couponCode = await make();
    expect(await refusal(ctx, [a ?? 0], { couponCode })).toMatchObject({ code });
  });

  it('that is over refuses the order', async () => {
    const [a] = await skusOnShelf(ctx);
    const code = await coupon(ctx, 100);
    await rows(ctx, 'UPDATE core.coupon SET valid_until = $2 WHERE code = $1', code, NOW);
    expect(await refusal(ctx, [a ?? 0], { couponCode: code })).toMatchObject({ code: 'coupon_unusable' });
  });

  it('stays free when the stock lacks', async () => {
    const [a] = await skusOnShelf(ctx, { skus: [{ stock: 0 }] });
    const code = await coupon(ctx, 100);
    expect(await refusal(ctx, [a ?? 0], { couponCode: code })).toMatchObject({ code: 'sold_out' });
    expect(await couponState(ctx, code)).toEqual([{ state: 'available', pay_order_id: null }]);
  });

  it('goes to one of eight orders at once', async () => {
    const [a] = await skusOnShelf(ctx);
    const code = await coupon(ctx, 100);
    const all = await Promise.all(Array.from({ length: 8 }, () => place(ctx, [a ?? 0], { couponCode: code })));
    expect(all.filter((one) => one.ok)).toHaveLength(1);
    expect(all.filter((one) => !one.ok && one.code === 'coupon_unusable')).toHaveLength(7);
  });

  it('is skipped with a notice while the switch is off', async () => {
    const [a] = await skusOnShelf(ctx);
    const code = await coupon(ctx, 100);
    core.guard.off.add('marketing.coupons');
    try {
      const created = await placed(ctx, [a ?? 0], { couponCode: code });
      expect(created).toMatchObject({ payable: { amount: 7_900 }, notices: [{ code: 'coupon_skipped' }] });
      expect(await couponState(ctx, code)).toEqual([{ state: 'available', pay_order_id: null }]);
    } finally {
      core.guard.off.clear();
    }
  });
});

describe('shares of a discount', () => {
  it('add up exactly and never exceed their line', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 10 ** 12 }), { minLength: 1, maxLength: 40 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (amounts, part) => {
          const lines = amounts.map((amount) => ({ amount }) as PricedLine);
          const total = amounts.reduce((sum, amount) => sum + amount, 0);
          const discount = Math.floor(total * part);
          const shared = shareDiscount(lines, { coupon: discount, points: 0 }, 'CNY');
          expect(shared.reduce((sum, line) => sum + line.discount, 0)).toBe(discount);
          expect(shared.every((line) => line.discount >= 0 && line.payable >= 0)).toBe(true);
        },
      ),
    );
  });
});
