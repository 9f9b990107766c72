import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { approveRefund } from '../../core/aftersales/decisions.ts';
import { requestRefund } from '../../core/aftersales/request.ts';
import { cancelOrder } from '../../core/orders/cancel.ts';
import { applyCapture } from '../../core/payments/capture.ts';
import type { PaymentRow } from '../../core/payments/payments.store.ts';
import { pay } from '../../core/payments/payments.ts';
import { loadChecks } from '../../reconcile/check.ts';
import { bookedFor } from '../hotel/support.ts';
import { openWorld, type World } from '../reconcile/support.ts';
import { place, placed } from '../support/orders.ts';

/* A T-shirt of 79.00 sold in advance: a deposit of 10.00 that is worth 20.00, and so a balance of 59.00, from the 12th to the 13th. */
const NEVER = new AbortController().signal;
const DAY = 86_400;
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

const cny = (amount: number) => ({ amount, currency: 'CNY' });
const TERMS = {
  deposit: cny(1_000),
  worth: cny(2_000),
  balanceFrom: '2026-11-12T00:00:00Z',
  balanceUntil: '2026-11-13T00:00:00Z',
};

interface Presale {
  readonly orderId: string;
  readonly deposit: string;
  readonly balance: string;
}

async function presale(terms: Record<string, unknown> = {}): Promise<Presale> {
  const created = await placed(world.ctx, [world.sku], { type: 'presale', details: { ...TERMS, ...terms } });
  expect(created.payable).toEqual(cny(1_000));
  expect(created.balance).toMatchObject({ payable: cny(5_900) });
  const orderId = created.orders[0]?.orderId ?? '';
  return { orderId, deposit: created.payOrderId, balance: created.balance?.payOrderId ?? '' };
}

/** The deposit is paid, and the day has come on which the balance may be. */
async function deposited(terms: Record<string, unknown> = {}): Promise<Presale> {
  const sale = await presale(terms);
  await world.paid(sale.deposit);
  await world.later(DAY);
  return sale;
}

function press(payOrderId: string): ReturnType<typeof pay> {
  return pay(world.ctx, { payOrderId, channel: 'sandbox' }, NEVER);
}

async function cancel(orderId: string): Promise<void> {
  await cancelOrder(world.ctx, orderId, 'changed my mind', NEVER);
  await world.ctx.background.idle();
}

async function stock(): Promise<[number, number, number]> {
  const text = 'SELECT on_hand, reserved, sold FROM core.stock WHERE sku_id = $1';
  const row = await world.one<{ on_hand: number; reserved: number; sold: number }>(text, [world.sku]);
  return [row.on_hand, row.reserved, row.sold];
}

const booked = ({ deposit, balance }: Presale) => bookedFor(world, [deposit, balance]);
const stateOf = ({ orderId }: Presale) => world.state('orders', orderId);

describe('placing', () => {
  test.each([
    ['deposit', { deposit: { amount: 1_000, currency: 'USD' } }],
    ['worth', { worth: cny(999) }],
    ['worth', { worth: cny(7_900) }],
    ['balanceUntil', { balanceFrom: '2026-11-01T00:00:00Z', balanceUntil: '2026-11-02T00:00:00Z' }],
    ['balanceUntil', { balanceUntil: '2028-11-02T00:00:00Z' }],
    ['balanceUntil', { balanceFrom: '2026-11-11T00:00:10Z', balanceUntil: '2026-11-11T00:24:00Z' }],
    ['balanceUntil', { balanceUntil: '2026-11-12T00:09:59Z' }],
  ])('names the %s that does not fit', async (field, terms) => {
    const refused = await place(world.ctx, [world.sku], { type: 'presale', details: { ...TERMS, ...terms } });
    expect(refused).toMatchObject({ ok: false, code: 'order_type_mismatch', errors: [{ path: `details.${field}` }] });
  });

  test('takes no coupon: what the deposit is worth is the discount', async () => {
    const wish = { type: 'presale', details: TERMS, couponCode: await world.coupon() };
    expect(await place(world.ctx, [world.sku], wish)).toMatchObject({ ok: false, code: 'coupon_unusable' });
  });

  test('again under the same key answers the same two parts', async () => {
    const wish = { type: 'presale', details: TERMS, key: 'once' };
    const [first, second] = [await place(world.ctx, [world.sku], wish), await place(world.ctx, [world.sku], wish)];
    expect(second).toMatchObject({ ok: true, value: { created: first.ok && first.value.created } });
  });
});

describe('two stages', () => {
  test('the deposit holds the goods, the balance pays the order, and what the deposit was worth more is subsidy', async () => {
    const sale = await presale();
    expect(await press(sale.balance)).toMatchObject({ ok: false, code: 'stage_not_open' });
    await world.paid(sale.deposit);
    expect(await stateOf(sale)).toBe('O0');
    expect(await booked(sale)).toEqual({ 'clearing:sandbox:CNY': 1_000, 'customer_deposits:CNY': -1_000 });
    expect(await press(sale.balance)).toMatchObject({ ok: false, code: 'stage_not_open' });
    await world.later(DAY);
    await world.repair('unpaid-order');
    await world.repair('reservation-expired');
    expect(await stock()).toEqual([ALL - 1, 1, 0]);
    await world.paid(sale.balance);
    expect(await stateOf(sale)).toBe('O1');
    expect(await stock()).toEqual([ALL - 1, 0, 1]);
    expect(await booked(sale)).toEqual({
      'clearing:sandbox:CNY': 6_900,
      'merchant_payable:CNY': -7_900,
      'subsidy:CNY': 1_000,
    });
    const shipped = await world.one<{ count: number }>(
      'SELECT count(*) AS count FROM core.shipment WHERE order_id = $1',
      [sale.orderId],
    );
    expect(shipped.count).toBe(1);
  });

  test('an unpaid deposit closes the order after its 15 minutes', async () => {
    const sale = await presale();
    await world.later(16 * 60);
    await world.repair('unpaid-order');
    expect(await stateOf(sale)).toBe('O4');
    expect(await press(sale.balance)).toMatchObject({ ok: false, code: 'pay_order_closed' });
    expect(await stock()).toEqual([ALL, 0, 0]);
  });

  test('a missed balance closes the order and forfeits the deposit (定金不退)', async () => {
    const sale = await deposited();
    const attempt = await world.pay(sale.balance);
    await world.later(DAY + 60);
    expect(await press(sale.balance)).toMatchObject({ ok: false, code: 'pay_order_closed' });
    await world.repair('unpaid-order');
    expect(await world.state('payment', attempt)).toBe('P11');
    expect(await stateOf(sale)).toBe('O4');
    expect(await booked(sale)).toEqual({ 'clearing:sandbox:CNY': 1_000, 'forfeit_revenue:CNY': -1_000 });
    expect(await stock()).toEqual([ALL, 0, 0]);
  });

  test('or gives it back, where that was agreed', async () => {
    const sale = await deposited({ missed: 'return' });
    await world.later(DAY + 60);
    await world.repair('unpaid-order');
    expect(await stateOf(sale)).toBe('O4');
    expect(await booked(sale)).toEqual({});
    const refund = 'SELECT state, amount, cause FROM core.refund WHERE order_id = $1';
    expect(await world.one(refund, [sale.orderId])).toEqual({ state: 'R10', amount: 1_000, cause: 'deposit_returned' });
  });

  test('what cannot be sent goes back over both captures, and the subsidy with it', async () => {
    const sale = await deposited();
    world.outside.fulfilment.onInit = 'failed';
    await world.paid(sale.balance);
    for (const id of ['refund-r12', 'refund-r13', 'refund-r9']) {
      await world.later(30);
      await world.repair(id);
    }
    expect(await stateOf(sale)).toBe('O3');
    expect(await booked(sale)).toEqual({});
    const refunds = await world.ctx.db.query({
      text: 'SELECT state, amount, subsidy, cause FROM core.refund WHERE order_id = $1 ORDER BY amount DESC',
      values: [sale.orderId],
    });
    expect(refunds).toEqual([
      { state: 'R10', amount: 5_900, subsidy: 1_000, cause: 'fulfilment_failed' },
      { state: 'R10', amount: 1_000, subsidy: 0, cause: 'deposit_part' },
    ]);
    expect(await stock()).toEqual([ALL, 0, 0]);
  });
});

test('what the shopper asks back of both parts goes back from both channels’ captures, once', async () => {
  const sale = await deposited();
  await world.paid(sale.balance);
  const wish = { orderId: sale.orderId, kind: 'refund', reason: 'no longer wanted' } as const;
  const asked = await requestRefund(world.ctx, { name: 'a shop', entrance: 'user' }, wish, 'refund-once');
  const id = asked.ok ? asked.value.refund.id : asked.detail;
  expect(await approveRefund(world.ctx, 'a merchant', id)).toMatchObject({ ok: true });
  for (let i = 0; i < 6; i += 1) {
    await world.ctx.background.idle();
    await world.later(30);
    for (const one of ['f1', 'f2', 'refund-r2', 'refund-r8', 'refund-r12', 'refund-r13', 'refund-r9'])
      await world.repair(one);
  }
  const rows = await world.ctx.db.query({
    text: 'SELECT state, amount, cause FROM core.refund WHERE order_id = $1 ORDER BY amount DESC',
    values: [sale.orderId],
  });
  expect(rows).toEqual([
    { state: 'R10', amount: 5_900, cause: 'requested' },
    { state: 'R10', amount: 1_000, cause: 'deposit_part' },
  ]);
  expect(await stateOf(sale)).toBe('O3');
  expect(await booked(sale)).toEqual({});
  expect(world.outside.channel.mostEffects).toBe(1);
});

describe('two stages of a presale: races', () => {
  test('deposit time-out against capture: the money was faster: the order waits for its balance', async () => {
    const sale = await presale();
    const payment = await world.pay(sale.deposit);
    await world.later(16 * 60);
    world.outside.channel.pay(payment);
    await world.repair('unpaid-order');
    expect(await world.state('payment', payment)).toBe('P8');
    expect(await stateOf(sale)).toBe('O0');
    const row = await world.one<{ cancel_intent: string | null; due_at: Date }>(
      'SELECT cancel_intent, due_at FROM core.orders WHERE id = $1',
      [sale.orderId],
    );
    expect(row).toEqual({ cancel_intent: null, due_at: new Date(TERMS.balanceUntil) });
    await world.later(DAY);
    await world.paid(sale.balance);
    expect(await stateOf(sale)).toBe('O1');
  });

  test('a deposit that arrives for goods that are gone goes back in full, and the order closes', async () => {
    const sale = await presale();
    const payment = await world.pay(sale.deposit);
    world.outside.channel.pay(payment);
    await world.ctx.db.query({ text: `UPDATE core.reservation SET due_at = $1`, values: [world.clock.now()] });
    await world.repair('reservation-expired');
    const drain = { type: 'physical', address: { recipient: '韩梅梅', line: '1 号' } };
    await placed(world.ctx, [{ skuId: world.sku, quantity: ALL }], drain);
    await world.later(30);
    await world.repair('p7');
    await world.repair('unpaid-order');
    expect(await stateOf(sale)).toBe('O4');
    expect(await booked(sale)).toEqual({});
  });

  test('balance paid twice at once: one attempt, one capture', async () => {
    const sale = await deposited();
    const both = await Promise.all([press(sale.balance), press(sale.balance)]);
    const ids = new Set(both.map((one) => (one.ok ? one.value.paymentId : one.code)));
    expect(ids.size).toBe(1);
    const [id = ''] = ids;
    world.outside.channel.pay(id);
    await world.later(30);
    await Promise.all([world.repair('p7'), world.repair('p7')]);
    expect(await stateOf(sale)).toBe('O1');
    const captures = 'SELECT count(*) AS count FROM core.capture WHERE pay_order_id = $1';
    expect(await world.one(captures, [sale.balance])).toEqual({ count: 1 });
  });

  test('cancel between: the deposit is forfeited, and no balance can follow', async () => {
    const sale = await deposited();
    const [cancelled, pressed] = await Promise.all([cancel(sale.orderId), press(sale.balance)]);
    expect(cancelled).toBeUndefined();
    if (!pressed.ok) expect(pressed.code).toBe('pay_order_closed');
    await world.later(60);
    await world.repair('p5');
    await world.repair('p7');
    await world.repair('unpaid-order');
    expect(await stateOf(sale)).toBe('O4');
    expect(await press(sale.balance)).toMatchObject({ ok: false });
    expect(await booked(sale)).toEqual({ 'clearing:sandbox:CNY': 1_000, 'forfeit_revenue:CNY': -1_000 });
  });

  test('cancel against capture of the balance: the money was faster: both parts go back', async () => {
    const sale = await deposited();
    const payment = await world.pay(sale.balance);
    world.outside.channel.pay(payment);
    world.outside.channel.loseReplies = 1;
    await cancel(sale.orderId);
    await world.later(60);
    await world.repair('p7');
    for (const id of ['refund-r8', 'refund-r12', 'refund-r13', 'refund-r9']) {
      await world.later(30);
      await world.repair(id);
    }
    expect(await stateOf(sale)).toBe('O3');
    expect(await booked(sale)).toEqual({});
  });

  test('cancel against capture of the deposit: it goes back in full whatever the policy, and the order closes', async () => {
    const sale = await presale();
    const payment = await world.pay(sale.deposit);
    world.outside.channel.pay(payment);
    world.outside.channel.loseReplies = 1;
    await cancel(sale.orderId);
    await world.later(60);
    await world.repair('p7');
    await world.later(60);
    await world.repair('unpaid-order');
    expect(await stateOf(sale)).toBe('O4');
    expect(await booked(sale)).toEqual({});
  });
});

test('a balance that comes after its order was closed goes back, and the forfeit stands', async () => {
  const sale = await deposited();
  const payment = await world.pay(sale.balance);
  await world.later(DAY + 60);
  await world.repair('unpaid-order');
  const row = await world.one<PaymentRow>('SELECT * FROM core.payment WHERE id = $1', [payment]);
  const late = { transactionId: `late-${payment}`, amount: row.amount, currency: row.currency };
  await world.ctx.db.tx((tx) => applyCapture(world.ctx, tx, row, late, { actor: 'test', reason: 'late' }));
  await world.ctx.background.idle();
  expect(await stateOf(sale)).toBe('O4');
  expect(await booked(sale)).toEqual({ 'clearing:sandbox:CNY': 1_000, 'forfeit_revenue:CNY': -1_000 });
});
