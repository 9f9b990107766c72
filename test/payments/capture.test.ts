import { afterAll, beforeAll, expect, test } from 'vitest';
import { applyCapture } from '../../core/payments/capture.ts';
import { paymentMachine } from '../../core/payments/payments.machine.ts';
import type { PaymentRow } from '../../core/payments/payments.store.ts';
import { openWorld, type World } from '../reconcile/support.ts';
import { eventually } from '../support/eventually.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

test('a capture that meets the answer to the init on its way is applied, not put off', async () => {
  const { ctx } = world;
  const { payOrderId, orderId } = await world.order();
  const id = await world.attempt(payOrderId, ['P0', 'P1', 'P2', 'P4', 'P5']);
  const attempt = await world.one<PaymentRow>('SELECT * FROM core.payment WHERE id = $1', [id]);
  const moved = Promise.withResolvers<void>();
  const commit = Promise.withResolvers<void>();
  const accepting = ctx.db.tx(async (tx) => {
    const cause = { actor: 'channel', reason: 'accepted' };
    await ctx.mover.move(tx, paymentMachine, { id, from: 'P5', to: 'P7', ...cause });
    moved.resolve();
    await commit.promise;
  });
  await moved.promise;
  const paid = { transactionId: `tx-${id}`, amount: attempt.amount, currency: attempt.currency };
  const capturing = ctx.db.tx((tx) => applyCapture(ctx, tx, attempt, paid, { actor: 'callback', reason: 'paid' }));
  capturing.catch(() => undefined);
  // It waits for the row that the other one has moved and not committed.
  await eventually(async () => {
    const waiting = `SELECT count(*) AS count FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    expect((await world.one<{ count: number }>(waiting)).count).toBe(1);
  });
  commit.resolve();
  await accepting;
  expect(await capturing).toMatchObject({ kind: 'applied' });
  expect(await world.state('payment', id)).toBe('P8');
  expect(await world.state('orders', orderId)).toBe('O1');
});
