import { afterEach, beforeEach, expect, test } from 'vitest';
import { claim, drive } from '../../core/kernel/driver.ts';
import { type OrderRow, orderDriver } from '../../core/orders/orders.driver.ts';
import { orderMachine } from '../../core/orders/orders.machine.ts';
import { applyCapture } from '../../core/payments/capture.ts';
import type { PaymentRow } from '../../core/payments/payments.store.ts';
import { loadChecks } from '../../reconcile/check.ts';
import { bookedFor } from '../hotel/support.ts';
import { openWorld, type World } from '../reconcile/support.ts';
import { placed } from '../support/orders.ts';

/* How a presale must not end: with a deposit that its payer has lost through no doing of theirs. Sums as in presale.test.ts. */
const NEVER = new AbortController().signal;
const DAY = 86_400;

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

const cny = (amount: number) => ({ amount, currency: 'CNY' });
const TERMS = {
  deposit: cny(1_000),
  worth: cny(2_000),
  balanceFrom: '2026-11-12T00:00:00Z',
  balanceUntil: '2026-11-13T00:00:00Z',
};
const HELD = { 'clearing:sandbox:CNY': 1_000, 'customer_deposits:CNY': -1_000 };

async function presale(terms: Record<string, unknown> = {}, quantity = 1) {
  const wish = { type: 'presale', details: { ...TERMS, ...terms } };
  const created = await placed(world.ctx, [{ skuId: world.sku, quantity }], wish);
  const orderId = created.orders[0]?.orderId ?? '';
  return { orderId, deposit: created.payOrderId, balance: created.balance?.payOrderId ?? '' };
}

test('deposit time-out against capture: the order row was read before the money came: nothing is forfeited', async () => {
  const sale = await presale();
  const id = await world.pay(sale.deposit);
  await world.later(15 * 60);
  const stale = await claim<OrderRow>(world.ctx.db, orderMachine, sale.orderId);
  if (stale === null) throw new Error('the order is not due');
  const payment = await world.one<PaymentRow>('SELECT * FROM core.payment WHERE id = $1', [id]);
  const money = { transactionId: 't1', amount: 1_000, currency: 'CNY' } as const;
  await world.ctx.db.tx((tx) => applyCapture(world.ctx, tx, payment, money, { actor: 'callback', reason: 'paid' }));
  await drive(orderDriver, world.ctx, stale, NEVER);
  const intent = 'SELECT state, cancel_intent FROM core.orders WHERE id = $1';
  expect(await world.one(intent, [sale.orderId])).toEqual({ state: 'O0', cancel_intent: null });
  expect(await bookedFor(world, [sale.deposit, sale.balance])).toEqual(HELD);
  await world.later(DAY);
  await world.repair('unpaid-order');
  await world.paid(sale.balance);
  expect(await world.state('orders', sale.orderId)).toBe('O1');
});
