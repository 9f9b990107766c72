import { afterEach, beforeEach, expect, test } from 'vitest';
import { addMs } from '../../core/kernel/clock.ts';
import { drive } from '../../core/kernel/driver.ts';
import { deductionsOfAttempt, deductOne, planDeduction } from '../../core/marketing/deductions.ts';
import { applyCapture } from '../../core/payments/capture.ts';
import { paymentDriver } from '../../core/payments/payments.driver.ts';
import { type PaymentRow, setCancelIntent } from '../../core/payments/payments.store.ts';
import { openWorld, type World } from '../reconcile/support.ts';

/* Attempts that stand at P4: of some of them nothing is left for the channel. */
const NEVER = new AbortController().signal;

let world: World;
beforeEach(async () => {
  world = await openWorld();
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

interface AtP4 {
  readonly payOrderId: string;
  readonly orderId: string;
  readonly coupon: string;
  readonly attempt: PaymentRow;
}

/** An attempt at P4 with its coupon deducted; `free`: the coupon is worth all of the order. */
async function atP4(free: boolean): Promise<AtP4> {
  const { ctx } = world;
  const coupon = await world.coupon();
  if (free) await ctx.db.query({ text: 'UPDATE core.coupon SET amount = 7900 WHERE code = $1', values: [coupon] });
  const { payOrderId, orderId } = await world.order({ coupon });
  const id = await world.attempt(payOrderId, ['P0', 'P1', 'P2', 'P4']);
  const attempt = await world.one<PaymentRow>('UPDATE core.payment SET amount = $2 WHERE id = $1 RETURNING *', [
    id,
    free ? 0 : 6900,
  ]);
  await planDeduction(ctx.db, ctx, attempt, {
    kind: 'coupon',
    resource: coupon,
    amount: free ? 7900 : 1000,
    currency: 'CNY',
  });
  for (const row of await deductionsOfAttempt(ctx.db, id)) await deductOne(ctx, row, false, NEVER);
  return { payOrderId, orderId, coupon, attempt };
}

async function deductions(attempt: PaymentRow): Promise<string[]> {
  return (await deductionsOfAttempt(world.ctx.db, attempt.id)).map(({ state }) => state);
}

test('an attempt of which nothing is left for the channel succeeds', async () => {
  const { orderId, attempt, coupon } = await atP4(true);
  const { row } = await drive(paymentDriver, world.ctx, attempt, NEVER);
  expect(row.state).toBe('P8');
  expect(await world.state('orders', orderId)).toBe('O1');
  expect(await world.one('SELECT state FROM core.coupon WHERE code = $1', [coupon])).toEqual({ state: 'used' });
});

test('an attempt whose coupon is being given back does not succeed any more', async () => {
  const { marketing } = world.outside;
  const { payOrderId, orderId, attempt, coupon } = await atP4(true);
  // Another driver takes it back, and the reply of marketing is lost: the attempt stands at P4 still.
  await setCancelIntent(world.ctx.db, payOrderId, 'timeout', world.clock.now());
  const wanted = await world.one<PaymentRow>('SELECT * FROM core.payment WHERE id = $1', [attempt.id]);
  marketing.loseReplies = 1;
  expect(await drive(paymentDriver, world.ctx, wanted, NEVER)).toMatchObject({ outcome: 'waiting' });
  expect(await world.state('payment', attempt.id)).toBe('P4');
  expect(await deductions(attempt)).toEqual(['ROLLBACK_PENDING']);

  // The one that had read the row before goes on.
  await drive(paymentDriver, world.ctx, attempt, NEVER);
  await world.later(30);
  await world.repair('rollback-pending');
  await world.repair('p4');
  expect(await world.state('payment', attempt.id)).toBe('P10');
  expect(await world.state('orders', orderId)).toBe('O0');
  expect(await deductions(attempt)).toEqual(['ROLLED_BACK']);
  expect(await world.one('SELECT state FROM core.coupon WHERE code = $1', [coupon])).toEqual({ state: 'locked' });
});

test('an attempt that ran out of time elsewhere, by another clock, is left to that one', async () => {
  const { orderId, attempt } = await atP4(true);
  const [row] = await deductionsOfAttempt(world.ctx.db, attempt.id);
  await world.force('deduction', row?.id ?? '', 'ROLLBACK_PENDING');
  expect(await drive(paymentDriver, world.ctx, attempt, NEVER)).toMatchObject({ outcome: 'waiting' });
  expect(await world.state('payment', attempt.id)).toBe('P4');
  await world.ctx.db.query({
    text: 'UPDATE core.payment SET expires_at = $2 WHERE id = $1',
    values: [attempt.id, addMs(world.clock.now(), 10_000)],
  });
  await world.later(30);
  await world.repair('p4');
  expect(await world.state('payment', attempt.id)).toBe('P10');
  expect(await world.state('orders', orderId)).toBe('O0');
});

test('giving back does not start once the attempt has succeeded', async () => {
  const { payOrderId, attempt } = await atP4(true);
  await setCancelIntent(world.ctx.db, payOrderId, 'timeout', world.clock.now());
  const wanted = await world.one<PaymentRow>('SELECT * FROM core.payment WHERE id = $1', [attempt.id]);
  await world.ctx.db.query({
    text: 'UPDATE core.payment SET cancel_intent = NULL WHERE id = $1',
    values: [attempt.id],
  });
  await drive(paymentDriver, world.ctx, attempt, NEVER);
  expect(await world.state('payment', attempt.id)).toBe('P8');
  await drive(paymentDriver, world.ctx, wanted, NEVER);
  expect(await deductions(attempt)).toEqual(['DEDUCTED']);
  expect(await world.state('payment', attempt.id)).toBe('P8');
});

test('a channel that says paid before it was asked is not believed', async () => {
  for (const free of [true, false]) {
    const { attempt } = await atP4(free);
    const paid = { transactionId: `tx-${attempt.id}`, amount: attempt.amount, currency: attempt.currency };
    const cause = { actor: 'callback', reason: 'a test' };
    const outcome = await world.ctx.db.tx((tx) => applyCapture(world.ctx, tx, attempt, paid, cause));
    expect(outcome).toMatchObject({ kind: 'mismatch', reason: expect.stringContaining('not asked') });
    expect(await world.state('payment', attempt.id)).toBe('P4');
  }
});
