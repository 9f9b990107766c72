import { afterEach, beforeEach, expect, test } from 'vitest';
import { cancelOrder } from '../../core/orders/cancel.ts';
import { openWorld, type World } from '../reconcile/support.ts';

/* The shopper wants out while the money is on its way. */
let world: World;
beforeEach(async () => {
  world = await openWorld();
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

async function cancel(orderId: string): Promise<void> {
  const cancelled = await cancelOrder(world.ctx, orderId, 'changed my mind', new AbortController().signal);
  expect(cancelled).toMatchObject({ ok: true, value: { cancelling: true } });
}

test('a cancel that comes after the time-out is no weaker for it: what was paid goes back, nothing is shipped', async () => {
  const { channel, fulfilment } = world.outside;
  const { payOrderId, orderId } = await world.order();
  const payment = await world.pay(payOrderId);
  channel.pay(payment);
  channel.down = true;
  await world.later(16 * 60);
  await world.repair('unpaid-order');
  expect(await world.one('SELECT cancel_intent FROM core.payment WHERE id = $1', [payment])).toEqual({
    cancel_intent: 'timeout',
  });
  await cancel(orderId);
  const intent = 'SELECT cancel_intent, cancel_reason FROM core.orders WHERE id = $1';
  expect(await world.one(intent, [orderId])).toEqual({ cancel_intent: 'user', cancel_reason: 'changed my mind' });

  channel.down = false;
  await world.later(60);
  await world.repair('p7');
  expect(await world.state('payment', payment)).toBe('P8');
  expect(await world.state('orders', orderId)).toBe('O3');
  expect(await world.one('SELECT state, cause FROM core.refund WHERE order_id = $1', [orderId])).toEqual({
    state: 'R10',
    cause: 'cancelled',
  });
  expect(fulfilment.effects.size).toBe(0);
});

test('a time-out does not take the shopper’s cancel away', async () => {
  const { payOrderId, orderId } = await world.order();
  const payment = await world.pay(payOrderId);
  world.outside.channel.down = true;
  await cancel(orderId);
  await world.later(16 * 60);
  await world.repair('unpaid-order');
  for (const [table, id] of [
    ['orders', orderId],
    ['payment', payment],
  ]) {
    expect(await world.one(`SELECT cancel_intent FROM core.${table} WHERE id = $1`, [id])).toEqual({
      cancel_intent: 'user',
    });
  }
});
