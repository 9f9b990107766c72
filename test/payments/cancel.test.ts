import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ParcelView } from '../../core/fulfilment/fulfilment.port.ts';
import { applyParcel } from '../../core/fulfilment/parcel.ts';
import { cancelOrder } from '../../core/orders/cancel.ts';
import { loadChecks } from '../../reconcile/check.ts';
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

/** On hand, reserved and sold of the one SKU, after the check of the stock has looked at all of it. */
async function stock(): Promise<[number, number, number]> {
  const check = (await loadChecks()).find((one) => one.id === 'stock-conservation');
  const found = await check?.violations(world.ctx.db, { kind: 'all', now: world.clock.now() });
  expect(found).toEqual({ violations: [], count: 0 });
  const text = 'SELECT on_hand, reserved, sold FROM core.stock WHERE sku_id = $1';
  const row = await world.one<{ on_hand: number; reserved: number; sold: number }>(text, [world.sku]);
  return [row.on_hand, row.reserved, row.sold];
}

const ALL = 100_000;

test('a cancelled order that turns out to be paid takes no stock', async () => {
  const { channel } = world.outside;
  const { payOrderId, orderId } = await world.order();
  const payment = await world.pay(payOrderId);
  channel.pay(payment);
  channel.loseReplies = 1;
  await cancel(orderId);
  await world.later(60);
  await world.repair('p7');
  expect(await world.state('payment', payment)).toBe('P8');
  expect(await world.state('orders', orderId)).toBe('O3');
  expect(await stock()).toEqual([ALL, 0, 0]);
});

test('goods that the fulfilment service refuses are for sale again', async () => {
  const { fulfilment } = world.outside;
  fulfilment.onInit = 'failed';
  const { payOrderId, orderId } = await world.order();
  await world.paid(payOrderId);
  expect(await world.state('orders', orderId)).toBe('O3');
  expect(await stock()).toEqual([ALL, 0, 0]);
});

const ends: [string, Pick<ParcelView, 'state' | 'trackingNo'>, [number, number, number]][] = [
  ['was cancelled before it was delivered is', { state: 'cancelled' }, [ALL, 0, 0]],
  ['failed in the warehouse is', { state: 'failed' }, [ALL, 0, 0]],
  ['failed on its way is not', { state: 'failed', trackingNo: 'SF1' }, [ALL - 1, 0, 1]],
];
test.each(ends)('a parcel that %s for sale again', async (_, said, left) => {
  const { payOrderId, orderId } = await world.order();
  await world.paid(payOrderId);
  const { id } = await world.one<{ id: string }>('SELECT id FROM core.shipment WHERE order_id = $1', [orderId]);
  const view = { shipmentId: id, ...said };
  const cause = { actor: 'callback', reason: 'a test' };
  expect(await applyParcel(world.ctx, id, view, cause)).toEqual({ kind: 'applied' });
  expect(await applyParcel(world.ctx, id, view, cause)).toEqual({ kind: 'known' });
  await world.ctx.background.idle();
  expect(await world.state('orders', orderId)).toBe('O3');
  expect(await stock()).toEqual(left);
});

test('a cancel that comes while a poll waits for its answer is not put off by the end of that poll', async () => {
  const { channel } = world.outside;
  const { payOrderId, orderId } = await world.order();
  const payment = await world.pay(payOrderId);
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  channel.beforeAnswer = (call) => {
    if (call !== 'query') return Promise.resolve();
    asked.resolve();
    return answer.promise;
  };
  await world.later(60);
  const polling = world.repair('p7');
  await asked.promise;
  await cancel(orderId);
  answer.resolve();
  await polling;
  const row = await world.one<{ due_at: Date; lease_until: Date | null }>(
    'SELECT due_at, lease_until FROM core.payment WHERE id = $1',
    [payment],
  );
  expect(row).toEqual({ due_at: world.clock.now(), lease_until: null });
  await world.repair('p7');
  expect(await world.state('payment', payment)).toBe('P10');
});
