import { afterEach, beforeEach, expect, test } from 'vitest';
import { approveRefund } from '../../core/aftersales/decisions.ts';
import { requestRefund } from '../../core/aftersales/request.ts';
import { closeRefund, settleOtherwise } from '../../core/aftersales/ways-out.ts';
import { applyParcel } from '../../core/fulfilment/parcel.ts';
import { claim, drive } from '../../core/kernel/driver.ts';
import { cancelOrder } from '../../core/orders/cancel.ts';
import { type OrderRow, orderDriver } from '../../core/orders/orders.driver.ts';
import { orderMachine } from '../../core/orders/orders.machine.ts';
import { applyCapture } from '../../core/payments/capture.ts';
import type { PaymentRow } from '../../core/payments/payments.store.ts';
import { pay } from '../../core/payments/payments.ts';
import { blockUser, unblockUser } from '../../core/users/users.ts';
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

test('a deposit on its way back cannot be closed without money, but paid another way', async () => {
  const sale = await presale({ missed: 'return' });
  await world.paid(sale.deposit);
  await world.later(DAY);
  world.outside.channel.onRefund = 'failed';
  await cancelOrder(world.ctx, sale.orderId, 'changed my mind', NEVER);
  await world.ctx.background.idle();
  const refund = await world.one<{ id: string; state: string }>(
    'SELECT id, state FROM core.refund WHERE order_id = $1',
    [sale.orderId],
  );
  expect(refund.state).toBe('R15');
  const before = await bookedFor(world, [sale.deposit]);
  expect(await closeRefund(world.ctx, 'op', refund.id, 'the account is gone')).toMatchObject({
    ok: false,
    code: 'wrong_state',
  });
  expect(await bookedFor(world, [sale.deposit])).toEqual(before);
  const proof = { reason: 'the account is gone', evidence: 'transfer 4711' };
  expect(await settleOtherwise(world.ctx, 'op', refund.id, proof)).toMatchObject({ ok: true });
  expect(await world.state('refund', refund.id)).toBe('R10');
});

test('a parcel fails while a refund was asked for that is larger than the balance: the rest is the deposit’s', async () => {
  const sale = await presale({ deposit: cny(12_000), worth: cny(12_000) }, 2);
  await world.paid(sale.deposit);
  await world.later(DAY);
  await world.paid(sale.balance);
  const wish = {
    orderId: sale.orderId,
    kind: 'refund',
    lines: [{ lineNo: 1, quantity: 1 }],
    reason: 'too many',
  } as const;
  const asked = await requestRefund(world.ctx, { name: 'shop', entrance: 'user' }, wish, 'r1');
  if (!asked.ok) throw new Error(asked.detail);
  expect(asked.value.refund.amount).toBe(7_900);
  const { id } = await world.one<{ id: string }>('SELECT id FROM core.shipment WHERE order_id = $1', [sale.orderId]);
  const lost = { shipmentId: id, state: 'failed', reason: 'lost' } as const;
  await world.ctx.db.tx((tx) => applyParcel(world.ctx, id, lost, { actor: 'test', reason: 'lost' }, tx));
  await world.ctx.background.idle();
  const opened = `SELECT state, amount, cause FROM core.refund WHERE order_id = $1 AND cause <> 'requested' ORDER BY amount`;
  expect(await world.ctx.db.query({ text: opened, values: [sale.orderId] })).toEqual([
    { state: 'R10', amount: 0, cause: 'fulfilment_failed' },
    { state: 'R10', amount: 7_900, cause: 'deposit_part' },
  ]);
  expect(await approveRefund(world.ctx, 'a merchant', asked.value.refund.id)).toMatchObject({ ok: true });
  for (let i = 0; i < 6; i += 1) {
    await world.ctx.background.idle();
    await world.later(30);
    for (const one of ['f1', 'f2', 'refund-r2', 'refund-r8', 'refund-r12', 'refund-r13', 'refund-r9'])
      await world.repair(one);
  }
  expect(await world.state('orders', sale.orderId)).toBe('O3');
  expect(await bookedFor(world, [sale.deposit, sale.balance])).toEqual({});
});

test('a blocked user whose balance is refused has the deposit back, whatever was agreed', async () => {
  const sale = await presale({ missed: 'forfeit' });
  await world.paid(sale.deposit);
  await world.later(DAY);
  await blockUser(world.ctx, 'op', 42, 'chargebacks');
  const pressed = await pay(world.ctx, { payOrderId: sale.balance, channel: 'sandbox' }, NEVER);
  expect(pressed).toMatchObject({ ok: false, code: 'user_blocked' });
  await world.later(DAY + 60);
  await world.repair('unpaid-order');
  await world.ctx.background.idle();
  expect(await world.state('orders', sale.orderId)).toBe('O4');
  expect(await bookedFor(world, [sale.deposit, sale.balance])).toEqual({});
});

test('a block that was lifted before the end changes nothing: the deposit is forfeited', async () => {
  const sale = await presale({ missed: 'forfeit' });
  await world.paid(sale.deposit);
  await blockUser(world.ctx, 'op', 42, 'chargebacks');
  await world.later(DAY);
  await unblockUser(world.ctx, 'op', 42, 'a mistake');
  await world.later(DAY + 60);
  await world.repair('unpaid-order');
  expect(await world.state('orders', sale.orderId)).toBe('O4');
  const forfeited = { 'clearing:sandbox:CNY': 1_000, 'forfeit_revenue:CNY': -1_000 };
  expect(await bookedFor(world, [sale.deposit, sale.balance])).toEqual(forfeited);
});
