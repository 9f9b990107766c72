import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CoreContext } from '../../core/context.ts';
import { VirtualClock } from '../../core/kernel/clock.ts';
import { cancelOrder } from '../../core/orders/cancel.ts';
import { pay } from '../../core/payments/payments.ts';
import { changeStock } from '../../core/stock/adjust.ts';
import type { DeductAt } from '../../core/stock/pieces.ts';
import { holdUntil, readSkuStock, releaseExpired, take } from '../../core/stock/stock.ts';
import { addWarehouse, changeWarehouse, chooseMoment } from '../../core/stock/warehouses.ts';
import { skusOnShelf } from '../support/catalogue.ts';
import { type TestCore, testCore } from '../support/core.ts';
import { place, placed } from '../support/orders.ts';
import { fakeOutside } from '../support/outside.ts';

const NEVER = new AbortController().signal;
const clock = new VirtualClock(new Date('2026-11-11T00:00:00Z'));
const outside = fakeOutside();
let core: TestCore;
let ctx: CoreContext;
beforeAll(async () => {
  core = await testCore({ ...outside.options, clock, poolSize: 16 });
  ctx = core.ctx;
});
afterAll(() => core[Symbol.asyncDispose]());

async function skuOf(deductAt: DeductAt, stock: number): Promise<number> {
  const [sku = 0] = await skusOnShelf(ctx, { skus: [{ stock }] });
  const chosen = await chooseMoment(ctx, 'a merchant', sku, deductAt);
  if (!chosen.ok) throw new Error(chosen.detail);
  return sku;
}

/** On hand, reserved, sold. */
async function pieces(sku: number): Promise<number[]> {
  const read = await readSkuStock(ctx.db, sku);
  if (!read.ok) throw new Error(read.detail);
  const { onHand, reserved, sold } = read.value.stock;
  return [onHand, reserved, sold];
}

async function order(sku: number, quantity = 1): Promise<{ payOrderId: string; orderId: string }> {
  const created = await placed(ctx, [{ skuId: sku, quantity }]);
  return { payOrderId: created.payOrderId, orderId: created.orders[0]?.orderId ?? '' };
}

/** Pay is pressed, and the money is there at once. */
async function buy(payOrderId: string): Promise<string> {
  outside.channel.onInit = 'paid';
  const pressed = await pay(ctx, { payOrderId, channel: 'sandbox' }, NEVER);
  await ctx.background.idle();
  return pressed.ok ? pressed.value.state : pressed.code;
}

async function refundsOf(orderId: string): Promise<unknown[]> {
  return ctx.db.query({ text: 'SELECT cause FROM core.refund WHERE order_id = $1', values: [orderId] });
}

async function expire(): Promise<void> {
  while ((await ctx.db.tx((tx) => releaseExpired(tx, clock.now(), 1000))).orders > 0);
}

describe('reserve at order', () => {
  test('sets aside until the deadline, and what was not paid by then is on hand again', async () => {
    const sku = await skuOf('reserve', 5);
    await order(sku, 2);
    expect(await pieces(sku)).toEqual([3, 2, 0]);
    clock.advance(31 * 60_000);
    await expire();
    expect(await pieces(sku)).toEqual([5, 0, 0]);
  });

  test('pay against an expiring reservation: it is held again or pay is refused, never both sold and expired', async () => {
    const sku = await skuOf('reserve', 20);
    const orders = await Promise.all(Array.from({ length: 20 }, () => order(sku)));
    // The pay order's own deadline is later than the reservation's in this test.
    await ctx.db.query({
      text: `UPDATE core.pay_order SET expires_at = $2 WHERE id = ANY($1)`,
      values: [orders.map((o) => o.payOrderId), new Date(clock.now().getTime() + 3_600_000)],
    });
    clock.advance(30 * 60_000);
    const [states] = await Promise.all([
      Promise.all(orders.map(({ payOrderId }) => buy(payOrderId))),
      Promise.all(Array.from({ length: 6 }, () => expire())),
    ]);
    const sold = states.filter((state) => state === 'P8').length;
    expect(states.every((state) => state === 'P8' || state === 'sold_out')).toBe(true);
    const refunded = (await Promise.all(orders.map((o) => refundsOf(o.orderId)))).filter((r) => r.length > 0).length;
    await expire();
    expect(await pieces(sku)).toEqual([20 - (sold - refunded), 0, sold - refunded]);
    expect(sold).toBe(20);
  });
});

describe('deduct at order', () => {
  test('holds without end: no deadline gives it back, a cancellation does', async () => {
    const sku = await skuOf('order', 5);
    const { orderId } = await order(sku, 2);
    clock.advance(48 * 3_600_000);
    await expire();
    expect(await pieces(sku)).toEqual([3, 2, 0]);
    expect(await cancelOrder(ctx, orderId, 'changed my mind', NEVER)).toMatchObject({ ok: true });
    expect(await pieces(sku)).toEqual([5, 0, 0]);
  });

  test('is sold when paid', async () => {
    const sku = await skuOf('order', 5);
    const { payOrderId } = await order(sku, 2);
    expect(await buy(payOrderId)).toBe('P8');
    expect(await pieces(sku)).toEqual([3, 0, 2]);
  });

  test('never sells more than there is to 60 buyers at once', async () => {
    const sku = await skuOf('order', 25);
    const results = await Promise.all(Array.from({ length: 60 }, () => place(ctx, [sku])));
    expect(results.filter((r) => r.ok)).toHaveLength(25);
    expect(await pieces(sku)).toEqual([0, 25, 0]);
  });
});

describe('deduct at payment', () => {
  test('holds nothing before, and takes when the money is there', async () => {
    const sku = await skuOf('payment', 5);
    const { payOrderId, orderId } = await order(sku, 2);
    expect(await pieces(sku)).toEqual([5, 0, 0]);
    expect(await buy(payOrderId)).toBe('P8');
    expect(await pieces(sku)).toEqual([3, 0, 2]);
    expect(await refundsOf(orderId)).toEqual([]);
  });

  test('whoever pays first gets them; who paid for what is gone is refunded by itself, exactly', async () => {
    const sku = await skuOf('payment', 7);
    const orders = await Promise.all(Array.from({ length: 20 }, () => order(sku)));
    expect(await Promise.all(orders.map(({ payOrderId }) => buy(payOrderId)))).toEqual(orders.map(() => 'P8'));
    expect(await pieces(sku)).toEqual([0, 0, 7]);
    const refunds = await Promise.all(orders.map(({ orderId }) => refundsOf(orderId)));
    expect(refunds.filter((r) => r.length === 0)).toHaveLength(7);
    expect(refunds.flat()).toEqual(Array.from({ length: 13 }, () => ({ cause: 'no_stock' })));
  });

  test('of an order with another SKU that is held, all is taken or nothing', async () => {
    const [held, late] = [await skuOf('reserve', 5), await skuOf('payment', 1)];
    const both = [held, late];
    const [first, second] = [await placed(ctx, both), await placed(ctx, both)];
    expect(await buy(first.payOrderId)).toBe('P8');
    expect(await buy(second.payOrderId)).toBe('P8');
    expect([await pieces(held), await pieces(late)]).toEqual([
      [4, 0, 1],
      [0, 0, 1],
    ]);
  });

  test('is refused at order already when nothing is on hand', async () => {
    const sku = await skuOf('payment', 0);
    expect(await place(ctx, [sku])).toMatchObject({ ok: false, code: 'sold_out' });
  });

  test('a cancelled order takes nothing', async () => {
    const sku = await skuOf('payment', 5);
    const { orderId } = await order(sku);
    expect(await cancelOrder(ctx, orderId, 'no', NEVER)).toMatchObject({ ok: true, value: { state: 'O4' } });
    expect(await pieces(sku)).toEqual([5, 0, 0]);
  });
});

test('two attempts: the second one pays, and the pieces are sold once', async () => {
  const sku = await skuOf('reserve', 3);
  const { payOrderId, orderId } = await order(sku);
  outside.channel.onInit = 'refused';
  expect((await pay(ctx, { payOrderId, channel: 'sandbox' }, NEVER)).ok).toBe(true);
  expect(await buy(payOrderId)).toBe('P8');
  expect(await pieces(sku)).toEqual([2, 0, 1]);
  expect(await refundsOf(orderId)).toEqual([]);
});

test('a checkout from two warehouses becomes two orders, each reserved where it lies; a closed one sells nothing', async () => {
  const east = await addWarehouse(ctx, 'a merchant', { name: 'East', priority: 50, open: true });
  if (!east.ok) throw new Error(east.detail);
  const { warehouseId } = east.value;
  expect(await addWarehouse(ctx, 'a merchant', { name: 'East', priority: 50, open: true })).toEqual(east);
  const [a = 0, b = 0] = await skusOnShelf(ctx, { skus: [{ stock: 2 }, { stock: 9 }] });
  const inbound = { skuId: a, warehouseId, kind: 'inbound', quantity: 4, reason: 'a pallet' } as const;
  expect(await changeStock(ctx, 'a merchant', inbound, 'pallet')).toMatchObject({ ok: true });
  const items = [
    { skuId: a, quantity: 4 },
    { skuId: b, quantity: 1 },
    { skuId: a, quantity: 2 },
  ];
  const created = await placed(ctx, items);
  expect(created.orders.map((o) => o.warehouseId)).toEqual([1, warehouseId]);
  expect(created.orders.reduce((sum, o) => sum + o.payable.amount, 0)).toBe(created.payable.amount);
  expect(await readSkuStock(ctx.db, a)).toMatchObject({
    value: {
      warehouses: [
        { warehouseId: 1, onHand: 0, reserved: 2 },
        { warehouseId, onHand: 0, reserved: 4 },
      ],
    },
  });
  await changeStock(ctx, 'a merchant', { ...inbound, quantity: 5 }, 'another');
  await changeWarehouse(ctx, 'a merchant', warehouseId, { open: false });
  expect(await place(ctx, [a])).toMatchObject({ ok: false, code: 'sold_out' });
  expect(await buy(created.payOrderId)).toBe('P8');
  expect(await pieces(a)).toEqual([5, 0, 6]);
});

test('when a warehouse runs out under a crowd, the others serve: no buyer is turned away while there is a piece', async () => {
  const added = await addWarehouse(ctx, 'a merchant', { name: 'North', priority: 200, open: true });
  if (!added.ok) throw new Error(added.detail);
  const [sku = 0] = await skusOnShelf(ctx, { skus: [{ stock: 10 }] });
  const { warehouseId } = added.value;
  await changeStock(ctx, 'm', { skuId: sku, warehouseId, kind: 'inbound', quantity: 10, reason: 'a pallet' }, 'north');
  const results = await Promise.all(Array.from({ length: 40 }, () => place(ctx, [sku])));
  expect(results.filter((r) => r.ok)).toHaveLength(20);
  expect(await pieces(sku)).toEqual([0, 20, 0]);
});

test('a cancelled order that is revived takes its pieces again, at whichever moment they are deducted', async () => {
  for (const moment of ['reserve', 'order', 'payment'] as const) {
    const sku = await skuOf(moment, 2);
    const { orderId } = await order(sku, 2);
    expect(await cancelOrder(ctx, orderId, 'no', NEVER)).toMatchObject({ ok: true, value: { state: 'O4' } });
    const until = new Date(clock.now().getTime() + 60_000);
    const revive = () =>
      ctx.db.tx(async (tx) => ((await holdUntil(tx, orderId, until)) === null ? take(tx, orderId) : false));
    expect([moment, await revive(), await pieces(sku)]).toEqual([moment, true, [0, 0, 2]]);
    expect([moment, await revive(), await pieces(sku)]).toEqual([moment, true, [0, 0, 2]]);
  }
});
