import { afterAll, beforeAll, expect, test } from 'vitest';
import { addMs } from '../../core/kernel/clock.ts';
import { MAX_TRIES, SLOW_MS } from '../../core/kernel/driver.ts';
import { openWorld, type World } from './support.ts';

/* An order that unwinds while the outside is away: no storm, no crowd of calls to a person. */
let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

/** A minute in which these repairs run every second. */
async function minute(...repairs: string[]): Promise<void> {
  for (let second = 0; second < 60; second += 1) {
    await world.later(1);
    for (const repair of repairs) await world.repair(repair);
  }
}

/** How often the history says this of a row. */
async function told(id: string, type: string): Promise<number> {
  const text = 'SELECT count(*) AS count FROM core.event WHERE entity_id = $1 AND type = $2';
  return (await world.one<{ count: number }>(text, [id, type])).count;
}

test('a channel that is away is asked as the back-off says, and one person is called once', async () => {
  const { payOrderId, orderId } = await world.order();
  const payment = await world.pay(payOrderId);
  world.outside.channel.down = true;
  await world.later(16 * 60);
  await minute('unpaid-order', 'p7');
  expect(await told(payment, 'payment.unknown')).toBeGreaterThan(4);
  expect(await told(payment, 'payment.unknown')).toBeLessThan(20);
  await world.ctx.db.query({
    text: 'UPDATE core.payment SET tries = $2 WHERE id = $1',
    values: [payment, MAX_TRIES - 1],
  });
  await minute('unpaid-order', 'p7');
  expect(await told(payment, 'payment.person')).toBe(1);

  // Nobody need remember it: it is asked for on, slowly and in silence, and ends when the channel is back.
  const asked = world.outside.channel.calls.get(`close ${payment}`) ?? 0;
  await minute('unpaid-order', 'p7');
  expect(world.outside.channel.calls.get(`close ${payment}`)).toBe(asked);
  await world.later(SLOW_MS / 1000);
  await minute('unpaid-order', 'p7');
  expect(world.outside.channel.calls.get(`close ${payment}`)).toBe(asked + 1);
  expect(await told(payment, 'payment.person')).toBe(1);
  world.outside.channel.down = false;
  await world.later(SLOW_MS / 1000);
  await minute('unpaid-order', 'p7');
  expect(await world.one('SELECT person_reason FROM core.payment WHERE id = $1', [payment])).toEqual({
    person_reason: null,
  });
  expect(await world.state('payment', payment)).toBe('P11');
  expect(await world.state('orders', orderId)).toBe('O4');
});

test('marketing that is away is asked as the back-off says', async () => {
  const { payOrderId, orderId } = await world.order({ coupon: await world.coupon() });
  await world.pay(payOrderId);
  world.outside.marketing.down = true;
  await world.later(16 * 60);
  await minute('unpaid-order', 'rollback-pending');
  const text = 'SELECT id FROM core.deduction WHERE pay_order_id = $1';
  const { id } = await world.one<{ id: string }>(text, [payOrderId]);
  expect(await told(id, 'deduction.unknown')).toBeGreaterThan(4);
  expect(await told(id, 'deduction.unknown')).toBeLessThan(20);
  world.outside.marketing.down = false;
  await minute('unpaid-order', 'rollback-pending');
  expect(await world.state('deduction', id)).toBe('ROLLED_BACK');
  expect(await world.state('orders', orderId)).toBe('O4');
});

test('a refund waits for marketing as its rollback does, and both come to their end after an outage of any length', async () => {
  const { marketing, fulfilment } = world.outside;
  fulfilment.onInit = 'failed';
  marketing.down = false;
  const { payOrderId, orderId } = await world.order({ coupon: await world.coupon() });
  const payment = await world.pay(payOrderId);
  world.outside.channel.pay(payment);
  marketing.down = true;
  await world.later(30);
  await world.repair('p7');
  const refund = await world.one<{ id: string; state: string }>(
    'SELECT id, state FROM core.refund WHERE order_id = $1',
    [orderId],
  );
  expect(refund.state).toBe('R12');
  const { id } = await world.one<{ id: string }>('SELECT id FROM core.deduction WHERE pay_order_id = $1', [payOrderId]);
  await world.ctx.db.query({
    text: 'UPDATE core.deduction SET tries = $2 WHERE id = $1',
    values: [id, MAX_TRIES - 1],
  });
  await minute('rollback-pending', 'refund-r12');
  expect(await told(id, 'deduction.person')).toBe(1);
  await world.force('refund', refund.id, 'R12');
  await world.repair('refund-r12');
  const next = 'SELECT due_at FROM core.refund WHERE id = $1';
  expect(await world.one(next, [refund.id])).toEqual({ due_at: addMs(world.clock.now(), 15_000) });

  marketing.down = false;
  await world.later(SLOW_MS / 1000);
  await minute('rollback-pending', 'refund-r12', 'refund-r13', 'refund-r9');
  expect(await world.state('deduction', id)).toBe('ROLLED_BACK');
  expect(await world.state('refund', refund.id)).toBe('R10');
  expect(await world.state('orders', orderId)).toBe('O3');
});
