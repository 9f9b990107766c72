import { afterAll, beforeAll, expect, test } from 'vitest';
import { MAX_TRIES } from '../../core/kernel/driver.ts';
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

  world.outside.channel.down = false;
  await world.ctx.db.query({
    text: 'UPDATE core.payment SET person_reason = NULL, tries = 0, due_at = $2 WHERE id = $1',
    values: [payment, world.clock.now()],
  });
  await minute('unpaid-order', 'p7');
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
