import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cancelOrder } from '../../core/orders/cancel.ts';
import { applyCapture, type CaptureOutcome } from '../../core/payments/capture.ts';
import type { PaymentRow } from '../../core/payments/payments.store.ts';
import { loadChecks } from '../../reconcile/check.ts';
import { bookedFor } from '../hotel/support.ts';
import { openWorld, type World } from '../reconcile/support.ts';
import { ADDRESS, placed } from '../support/orders.ts';

/* Money and the end of its order at once: whichever is first, the money is applied once or goes back once. */
const NEVER = new AbortController().signal;
const ALL = 100_000;

let world: World;
beforeEach(async () => {
  world = await openWorld();
});
afterEach(async () => {
  for (const check of await loadChecks()) {
    // Nobody seals the journal here.
    if (check.id === 'hash-chain') continue;
    const found = await check.violations(world.ctx.db, { kind: 'all', now: world.clock.now() });
    expect(found, check.id).toEqual({ violations: [], count: 0 });
  }
  await world[Symbol.asyncDispose]();
});

interface Sale {
  readonly payOrderId: string;
  readonly orderId: string;
  readonly payment: string;
}

async function paying(options: { latePayment?: 'refund' | 'revive'; couponCode?: string } = {}): Promise<Sale> {
  const created = await placed(world.ctx, [world.sku], options);
  const { payOrderId } = created;
  return { payOrderId, orderId: created.orders[0]?.orderId ?? '', payment: await world.pay(payOrderId) };
}

/** The channel's word that the money of an attempt has come. */
async function captured(payment: string): Promise<CaptureOutcome['kind']> {
  const row = await world.one<PaymentRow>('SELECT * FROM core.payment WHERE id = $1', [payment]);
  const paid = { transactionId: `tx-${payment}`, amount: row.amount, currency: row.currency };
  const cause = { actor: 'channel', reason: 'a test' };
  const outcome = await world.ctx.db.tx((tx) => applyCapture(world.ctx, tx, row, paid, cause));
  return outcome.kind;
}

async function settle(): Promise<void> {
  await world.ctx.background.idle();
  await world.later(60);
  for (const id of [
    'p5',
    'p7',
    'unpaid-order',
    'late-capture',
    'f0',
    'f1',
    'rollback-pending',
    'refund-r8',
    'refund-r12',
    'refund-r13',
    'refund-r9',
  ]) {
    await world.repair(id);
  }
}

async function stock(): Promise<[number, number, number]> {
  const text = 'SELECT on_hand, reserved, sold FROM core.stock WHERE sku_id = $1';
  const row = await world.one<{ on_hand: number; reserved: number; sold: number }>(text, [world.sku]);
  return [row.on_hand, row.reserved, row.sold];
}

/** Its time is up, the trade is closed at the channel, and the order is closed. */
async function timedOut(options: Parameters<typeof paying>[0] = {}): Promise<Sale> {
  const sale = await paying(options);
  await world.later(16 * 60);
  await world.repair('unpaid-order');
  await settle();
  expect([await world.state('payment', sale.payment), await world.state('orders', sale.orderId)]).toEqual([
    'P11',
    'O4',
  ]);
  return sale;
}

describe('races', () => {
  test.each([1, 2, 3, 4, 5])(
    'cancel against capture, round %i: shipped, or back in full, never half of each',
    async () => {
      const sale = await paying();
      world.outside.channel.pay(sale.payment);
      await Promise.all([cancelOrder(world.ctx, sale.orderId, 'changed my mind', NEVER), captured(sale.payment)]);
      await settle();
      // The money was first: the cancel was refused, and it is shipped. The cancel was first: it came back.
      const state = await world.state('orders', sale.orderId);
      expect(['O1', 'O3']).toContain(state);
      const kept = state === 'O1' ? { 'clearing:sandbox:CNY': 7_900, 'merchant_payable:CNY': -7_900 } : {};
      expect(await bookedFor(world, [sale.payOrderId])).toEqual(kept);
      expect(await stock()).toEqual(state === 'O1' ? [ALL - 1, 0, 1] : [ALL, 0, 0]);
    },
  );

  test.each([1, 2, 3, 4, 5])(
    'time-out against capture, round %i: it is shipped: only its time had run out',
    async () => {
      const sale = await paying();
      world.outside.channel.pay(sale.payment);
      await world.later(16 * 60);
      await Promise.all([world.repair('unpaid-order'), world.repair('p7'), captured(sale.payment)]);
      await settle();
      expect(await world.state('orders', sale.orderId)).toBe('O1');
      expect(await bookedFor(world, [sale.payOrderId])).toEqual({
        'clearing:sandbox:CNY': 7_900,
        'merchant_payable:CNY': -7_900,
      });
      expect(await stock()).toEqual([ALL - 1, 0, 1]);
    },
  );
});

describe('a late capture', () => {
  test('goes back in full, once, however often it is told', async () => {
    const sale = await timedOut();
    const told = await Promise.all([captured(sale.payment), captured(sale.payment)]);
    expect(told.sort()).toEqual(['known', 'late']);
    await settle();
    expect(await world.state('orders', sale.orderId)).toBe('O4');
    expect(await bookedFor(world, [sale.payOrderId])).toEqual({});
    expect(world.outside.channel.mostEffects).toBe(1);
  });

  test('revives its order where that was agreed: O4 → O1, its stock reserved again, and it is shipped', async () => {
    const sale = await timedOut({ latePayment: 'revive' });
    expect(await stock()).toEqual([ALL, 0, 0]);
    const told = await Promise.all([captured(sale.payment), captured(sale.payment)]);
    expect(told.sort()).toEqual(['known', 'late']);
    await settle();
    expect(await world.state('orders', sale.orderId)).toBe('O1');
    expect(await stock()).toEqual([ALL - 1, 0, 1]);
    expect(await bookedFor(world, [sale.payOrderId])).toEqual({
      'clearing:sandbox:CNY': 7_900,
      'merchant_payable:CNY': -7_900,
    });
    const capture = 'SELECT state, kind FROM core.capture WHERE pay_order_id = $1';
    expect(await world.one(capture, [sale.payOrderId])).toEqual({ state: 'REVIVED', kind: 'late' });
    expect(world.outside.fulfilment.effects.size).toBe(1);
  });

  test('of a revived order goes back when it cannot be sent', async () => {
    const sale = await timedOut({ latePayment: 'revive' });
    world.outside.fulfilment.onInit = 'failed';
    await captured(sale.payment);
    await settle();
    await settle();
    expect(await world.state('orders', sale.orderId)).toBe('O3');
    expect(await bookedFor(world, [sale.payOrderId])).toEqual({});
  });

  test('finds its stock gone: it goes back, whatever was agreed', async () => {
    const sale = await timedOut({ latePayment: 'revive' });
    await placed(world.ctx, [{ skuId: world.sku, quantity: ALL }], { address: ADDRESS });
    await captured(sale.payment);
    await settle();
    expect(await world.state('orders', sale.orderId)).toBe('O4');
    expect(await bookedFor(world, [sale.payOrderId])).toEqual({});
    await world.later(16 * 60);
    await world.repair('unpaid-order');
    expect(await stock()).toEqual([ALL, 0, 0]);
  });

  test('of an order that marketing had paid a part of goes back: its tombstone says that it never will again', async () => {
    const sale = await timedOut({ latePayment: 'revive', couponCode: await world.coupon() });
    await captured(sale.payment);
    await settle();
    expect(await world.state('orders', sale.orderId)).toBe('O4');
    expect(await bookedFor(world, [sale.payOrderId])).toEqual({});
  });

  test('of an order that its shopper cancelled goes back', async () => {
    const sale = await paying({ latePayment: 'revive' });
    await cancelOrder(world.ctx, sale.orderId, 'changed my mind', NEVER);
    await settle();
    expect(await world.state('orders', sale.orderId)).toBe('O4');
    await captured(sale.payment);
    await settle();
    expect(await world.state('orders', sale.orderId)).toBe('O4');
    expect(await bookedFor(world, [sale.payOrderId])).toEqual({});
  });
});
