import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { approveRefund, rejectRefund } from '../../core/aftersales/decisions.ts';
import { requestRefund } from '../../core/aftersales/request.ts';
import { openWorld, type World } from '../reconcile/support.ts';
import {
  approved,
  ask,
  askedAndApproved,
  booksOfPayOrder,
  countersOf,
  deliver,
  paidOrder,
  returned,
  SHOPPER,
  shipmentsOf,
} from '../support/aftersales.ts';
import { skusOnShelf } from '../support/catalogue.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

const state = (id: string) => world.state('refund', id);
const onHand = async () =>
  (await world.one<{ on_hand: number }>('SELECT on_hand FROM core.stock WHERE sku_id = $1', [world.sku])).on_hand;

describe('refund against shipping', () => {
  test('what is not packed yet is taken out of its parcel, the rest is shipped, and only then money goes back', async () => {
    const { payOrderId, orderId } = await paidOrder(world, [{ skuId: world.sku, quantity: 3 }]);
    const before = await onHand();
    const refund = await askedAndApproved(world, { orderId, lines: [{ lineNo: 1, quantity: 2 }] });
    expect(await state(refund)).toBe('R10');
    expect(await onHand()).toBe(before + 2);
    const shipments = await shipmentsOf(world, orderId);
    expect(shipments.map(({ state: s, lines }) => [s, lines[0]?.quantity])).toEqual([
      ['F5', 3],
      ['F2', 1],
    ]);
    await deliver(world, orderId);
    expect(await world.state('orders', orderId)).toBe('O2');
    expect(await countersOf(world, orderId)).toEqual([
      { shipped: 1, returned: 0, dropped: 2, claimed: 2, refunded: 2 },
    ]);
    expect(await booksOfPayOrder(world, payOrderId)).toEqual({ clearing: 7900, merchant_payable: -7900 });
  });

  test('too late to cancel: nothing is paid until the parcel has arrived and its goods are back', async () => {
    const { payOrderId, orderId } = await paidOrder(world, [{ skuId: world.sku, quantity: 1 }]);
    const [parcel] = await shipmentsOf(world, orderId);
    world.outside.fulfilment.set(parcel?.id ?? '', 'processing');
    const refund = await askedAndApproved(world, { orderId });
    expect(await state(refund)).toBe('R2');
    await deliver(world, orderId);
    await world.later(60);
    await world.repair('refund-r2');
    expect(await state(refund)).toBe('R5');
    expect(await booksOfPayOrder(world, payOrderId)).toEqual({ clearing: 7900, merchant_payable: -7900 });
    await returned(world, refund, 'received');
    expect(await state(refund)).toBe('R10');
    expect(await world.state('orders', orderId)).toBe('O3');
    expect(await booksOfPayOrder(world, payOrderId)).toEqual({});
  });

  test('too late to cancel, and the parcel is lost: it is paid back once, without a return', async () => {
    const { payOrderId, orderId } = await paidOrder(world, [{ skuId: world.sku, quantity: 2 }]);
    const [parcel] = await shipmentsOf(world, orderId);
    const id = parcel?.id ?? '';
    world.outside.fulfilment.parcels.set(id, { shipmentId: id, state: 'processing', trackingNo: 'X1' });
    const refund = await askedAndApproved(world, { orderId, lines: [{ lineNo: 1, quantity: 1 }] });
    world.outside.fulfilment.parcels.set(id, { shipmentId: id, state: 'failed', trackingNo: 'X1' });
    const before = await onHand();
    await world.later(60);
    await world.repair('f2');
    await world.later(60);
    await world.repair('refund-r2');
    expect(await state(refund)).toBe('R10');
    const causes = 'SELECT cause, amount, state FROM core.refund WHERE pay_order_id = $1 ORDER BY cause';
    expect(await world.ctx.db.query({ text: causes, values: [payOrderId] })).toEqual([
      { cause: 'fulfilment_failed', amount: 7900, state: 'R10' },
      { cause: 'requested', amount: 7900, state: 'R10' },
    ]);
    expect(await world.state('orders', orderId)).toBe('O3');
    // A parcel that had left is somewhere, but not on our shelf.
    expect(await onHand()).toBe(before);
  });

  test('a cancel and a delivery at once: one of the two ways, never both', async () => {
    for (let round = 0; round < 6; round += 1) {
      const { payOrderId, orderId } = await paidOrder(world, [{ skuId: world.sku, quantity: 1 }]);
      const refund = await ask(world, { orderId });
      await Promise.all([approved(world, refund), deliver(world, orderId)]);
      await world.later(60);
      await world.repair('refund-r2');
      const [line] = await countersOf(world, orderId);
      expect([(line?.shipped ?? 0) + (line?.dropped ?? 0), await state(refund)]).toEqual([
        1,
        line?.shipped === 1 ? 'R5' : 'R10',
      ]);
      if (line?.shipped === 1) await returned(world, refund, 'received');
      expect(await booksOfPayOrder(world, payOrderId)).toEqual({});
    }
  });
});

describe('sums', () => {
  test('200 refunds of parts of one order at once never exceed what was captured', async () => {
    const { payOrderId, orderId } = await paidOrder(world, [{ skuId: world.sku, quantity: 60 }]);
    await deliver(world, orderId);
    const wish = { orderId, kind: 'refund', reason: 'a test', lines: [{ lineNo: 1, quantity: 1 }] } as const;
    const asked = await Promise.all(
      Array.from({ length: 200 }, (_, i) => requestRefund(world.ctx, SHOPPER, wish, `${orderId}-${i}`)),
    );
    const good = asked.flatMap((a) => (a.ok ? [a.value.refund.id] : []));
    expect(good).toHaveLength(60);
    expect(new Set(asked.flatMap((a) => (a.ok ? [] : [a.code])))).toEqual(new Set(['refund_exceeds_capture']));
    await Promise.all(good.map((id) => approveRefund(world.ctx, 'a merchant', id)));
    await world.ctx.background.idle();
    for (let i = 0; i < 5; i += 1) {
      await world.later(60);
      for (const id of ['refund-r2', 'refund-r8', 'refund-r9'])
        await world.repair(id, { batch: 50, lanes: 4, budgetMs: 10_000 });
    }
    expect(await booksOfPayOrder(world, payOrderId)).toEqual({});
    expect(await world.state('orders', orderId)).toBe('O3');
    const back = [...world.outside.channel.refunds.values()].filter((r) => good.includes(r.refundNo));
    expect(back.reduce((sum, r) => sum + (r.amount ?? 0), 0)).toBe(60 * 7900);
  });

  test.each([
    { currency: 'CNY', price: '0.01', quantity: 3, coupon: 1 },
    { currency: 'CNY', price: '0.10', quantity: 7, coupon: 13 },
    { currency: 'JPY', price: '101', quantity: 3, coupon: 100 },
    { currency: 'KWD', price: '1.001', quantity: 3, coupon: 1000 },
  ])(
    '$quantity pieces at $price $currency with $coupon off go back one by one, exactly',
    async ({ currency, price, quantity, coupon }) => {
      const [sku = 0] = await skusOnShelf(world.ctx, { currency, skus: [{ price, stock: 100 }] });
      const code = `T${currency}${coupon}${quantity}`;
      await world.ctx.db.query({
        text: `INSERT INTO core.coupon (code, currency, amount, state, valid_until, grant_key, grant_digest)
        VALUES ($1, $2, $3, 'available', now() + interval '100 years', $1, 'x')`,
        values: [code, currency, coupon],
      });
      const lines = Array.from({ length: 3 }, () => ({ skuId: sku, quantity }));
      const { payOrderId, orderId } = await paidOrder(world, lines, { couponCode: code });
      await deliver(world, orderId);
      for (let piece = 0; piece < quantity; piece += 1) {
        for (const lineNo of [3, 1, 2]) {
          await askedAndApproved(world, { orderId, lines: [{ lineNo, quantity: 1 }] });
        }
      }
      await world.later(60);
      for (const id of ['rollback-pending', 'refund-r12', 'refund-r13', 'refund-r9']) await world.repair(id);
      expect(await booksOfPayOrder(world, payOrderId)).toEqual({});
      const open = `SELECT count(*) AS count FROM core.refund WHERE pay_order_id = $1 AND state <> 'R10'`;
      expect(await world.one(open, [payOrderId])).toEqual({ count: 0 });
      expect(await world.state('orders', orderId)).toBe('O3');
      expect(await world.one('SELECT state FROM core.coupon WHERE code = $1', [code])).toEqual({ state: 'available' });
    },
  );
});

describe('asking and deciding', () => {
  test('sent twice it is one refund; the key with another wish is refused', async () => {
    const { orderId } = await paidOrder(world, [{ skuId: world.sku, quantity: 2 }]);
    const wish = { orderId, kind: 'refund', reason: 'a test', lines: [{ lineNo: 1, quantity: 1 }] } as const;
    const twice = await Promise.all([1, 2].map(() => requestRefund(world.ctx, SHOPPER, wish, `twice-${orderId}`)));
    const ids = twice.map((a) => (a.ok ? a.value.refund.id : a.code));
    expect(new Set(ids).size).toBe(1);
    expect(twice.map((a) => a.ok && a.value.replayed).sort()).toEqual([false, true]);
    expect(await countersOf(world, orderId)).toMatchObject([{ claimed: 1 }]);
    const other = await requestRefund(world.ctx, SHOPPER, { ...wish, reason: 'another' }, `twice-${orderId}`);
    expect(other).toMatchObject({ code: 'idempotency_key_reused' });
  });

  test('nobody agrees to their own request; agreeing twice agrees once', async () => {
    const { orderId } = await paidOrder(world, [{ skuId: world.sku, quantity: 1 }]);
    const refund = await ask(world, { orderId });
    expect(await approveRefund(world.ctx, SHOPPER.name, refund)).toMatchObject({ code: 'forbidden' });
    const both = await Promise.all([1, 2].map(() => approveRefund(world.ctx, 'a merchant', refund)));
    expect(both.map((b) => b.ok)).toEqual([true, true]);
    await world.ctx.background.idle();
    expect(await state(refund)).toBe('R10');
    expect(world.outside.channel.effects.get(`refund ${refund}`)).toBe(1);
  });

  test('rejected: the pieces can be asked for anew', async () => {
    const { orderId } = await paidOrder(world, [{ skuId: world.sku, quantity: 1 }]);
    const refund = await ask(world, { orderId });
    expect(
      await requestRefund(world.ctx, SHOPPER, { orderId, kind: 'refund', reason: 'x' }, `n${orderId}`),
    ).toMatchObject({
      code: 'refund_exceeds_capture',
    });
    expect(await rejectRefund(world.ctx, 'a merchant', refund, 'worn')).toMatchObject({ ok: true });
    expect(await approveRefund(world.ctx, 'a merchant', refund)).toMatchObject({ code: 'wrong_state' });
    expect(await countersOf(world, orderId)).toMatchObject([{ claimed: 0 }]);
    await askedAndApproved(world, { orderId });
    expect(await world.state('orders', orderId)).toBe('O3');
  });

  test('a penalty is kept as forfeit revenue, and the books stay exact', async () => {
    const { payOrderId, orderId } = await paidOrder(world, [{ skuId: world.sku, quantity: 1 }]);
    const refund = await ask(world, { orderId });
    const penalty = { amount: 1_000, currency: 'CNY' } as const;
    expect(await approveRefund(world.ctx, 'a merchant', refund, { penalty })).toMatchObject({ ok: true });
    await world.ctx.background.idle();
    expect(await booksOfPayOrder(world, payOrderId)).toEqual({ clearing: 1_000, forfeit_revenue: -1_000 });
    expect(await world.state('orders', orderId)).toBe('O3');
  });

  test('money only for delivered goods lets them stay; the merchant may want them back', async () => {
    const { orderId } = await paidOrder(world, [{ skuId: world.sku, quantity: 2 }]);
    await deliver(world, orderId);
    const stays = await askedAndApproved(world, { orderId, lines: [{ lineNo: 1, quantity: 1 }] });
    expect(await state(stays)).toBe('R10');
    const back = await ask(world, { orderId, lines: [{ lineNo: 1, quantity: 1 }] });
    await approveRefund(world.ctx, 'a merchant', back, { returnGoods: true });
    await world.ctx.background.idle();
    expect(await state(back)).toBe('R5');
    const before = await onHand();
    await returned(world, back, 'received');
    expect(await state(back)).toBe('R10');
    expect(await onHand()).toBe(before + 1);
    expect(await countersOf(world, orderId)).toEqual([
      { shipped: 2, returned: 1, dropped: 0, claimed: 2, refunded: 2 },
    ]);
  });

  test('an exchange sends the same out again, and moves no money and no counter', async () => {
    const { payOrderId, orderId } = await paidOrder(world, [{ skuId: world.sku, quantity: 2 }]);
    await deliver(world, orderId);
    const books = await booksOfPayOrder(world, payOrderId);
    const before = await onHand();
    const exchange = await askedAndApproved(world, { orderId, kind: 'exchange', lines: [{ lineNo: 1, quantity: 1 }] });
    await returned(world, exchange, 'received');
    expect(await state(exchange)).toBe('R10');
    const out = await world.one<{ id: string; state: string }>(
      'SELECT id, state FROM core.shipment WHERE refund_id = $1',
      [exchange],
    );
    expect(out.state).toBe('F2');
    await deliver(world, orderId);
    expect(await countersOf(world, orderId)).toEqual([
      { shipped: 2, returned: 0, dropped: 0, claimed: 0, refunded: 0 },
    ]);
    expect(await booksOfPayOrder(world, payOrderId)).toEqual(books);
    expect(await onHand()).toBe(before);
    // What was exchanged can still go back.
    const back = await askedAndApproved(world, { orderId, kind: 'return' });
    await returned(world, back, 'received');
    expect(await world.state('orders', orderId)).toBe('O3');
  });

  test('refusals name what is wrong', async () => {
    const asking = (wish: object) =>
      requestRefund(world.ctx, SHOPPER, { orderId: 'x', kind: 'refund', reason: 'x', ...wish }, `r${Math.abs(0)}`);
    expect(await asking({ orderId: '9999999999999999999' })).toMatchObject({ code: 'order_unknown' });
    const unpaid = await world.order();
    expect(await asking({ orderId: unpaid.orderId })).toMatchObject({ code: 'wrong_state' });
    const { orderId } = await paidOrder(world, [{ skuId: world.sku, quantity: 1 }]);
    expect(await asking({ orderId, lines: [{ lineNo: 7, quantity: 1 }] })).toMatchObject({ code: 'invalid_request' });
    expect(await asking({ orderId, lines: [{ lineNo: 1, quantity: 2 }] })).toMatchObject({
      code: 'refund_exceeds_capture',
    });
    expect(await asking({ orderId, kind: 'exchange' })).toMatchObject({ code: 'wrong_state' });
    expect(await rejectRefund(world.ctx, 'a merchant', 'ref_none', 'x')).toMatchObject({ code: 'refund_unknown' });
  });
});
