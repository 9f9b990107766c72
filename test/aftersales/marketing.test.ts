import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { objectToRejection, rejectRefund } from '../../core/aftersales/decisions.ts';
import { closeRefund, settleOtherwise } from '../../core/aftersales/ways-out.ts';
import { earnPoints, grantPoints, pointsOfUser } from '../../core/marketing/points.ts';
import { openWorld, type World } from '../reconcile/support.ts';
import { ask, askedAndApproved, deliver, paidOrder } from '../support/aftersales.ts';

/* Refunds of orders that marketing has a part in, where people decide. */

let world: World;
let grants = 0;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());
beforeEach(() => {
  world.outside.channel.onRefund = 'done';
});

const points = async (): Promise<number> => (await pointsOfUser(world.ctx.db, 42, world.clock.now())).available;

/** A delivered order of one piece, 10.00 of it paid with points. */
async function paidWithPoints(): Promise<string> {
  const granted = { userId: 42, points: 1_000, reason: 'a test' };
  expect(await grantPoints(world.ctx, 'ops', granted, `grant-${++grants}`)).toMatchObject({ ok: true });
  const { orderId } = await paidOrder(world, [{ skuId: world.sku, quantity: 1 }], { points: 1_000 });
  await deliver(world, orderId);
  return orderId;
}

test('what is settled another way after an objection brings the points back too, and stands in the log', async () => {
  const orderId = await paidWithPoints();
  const before = await points();
  const refund = await ask(world, { orderId, kind: 'refund' });
  await rejectRefund(world.ctx, 'the service', refund, 'it was worn');
  await objectToRejection(world.ctx, 'the shop', refund, 'it was not');
  const proof = { reason: 'by bank', evidence: 'transfer 17' };
  expect(await settleOtherwise(world.ctx, 'a boss', refund, proof)).toMatchObject({ ok: true });
  await world.ctx.background.idle();
  expect(await world.state('refund', refund)).toBe('R10');
  expect(await world.state('orders', orderId)).toBe('O3');
  expect((await points()) - before).toBe(1_000);
  const log = await world.ctx.db.query({
    text: `SELECT actor, after FROM core.operation_log WHERE entity_id = $1 AND operation = 'settle'`,
    values: [refund],
  });
  expect(log).toMatchObject([{ actor: 'a boss', after: { state: 'R10', evidence: 'transfer 17' } }]);
});

test('a refund that marketing has given its part of is not closed without money', async () => {
  const orderId = await paidWithPoints();
  world.outside.channel.onRefund = 'failed';
  const refund = await askedAndApproved(world, { orderId, kind: 'refund' });
  for (const repair of ['refund-r8', 'refund-r12', 'refund-r13', 'refund-r9', 'refund-r11']) {
    await world.later(60);
    await world.repair(repair);
  }
  expect(await world.state('refund', refund)).toBe('R15');
  expect(await closeRefund(world.ctx, 'a boss', refund, 'no')).toMatchObject({ ok: false, code: 'wrong_state' });
  expect(await world.state('refund', refund)).toBe('R15');
});

test('earned points are clawed back for what is refunded, and not for what somebody may still reject', async () => {
  const { orderId } = await paidOrder(world, [{ skuId: world.sku, quantity: 2 }]);
  await deliver(world, orderId);
  const before = await points();
  await world.ctx.db.tx((tx) => earnPoints(tx, world.ctx, orderId));
  const earned = (await points()) - before;
  expect(earned).toBe(158);
  const lines = [{ lineNo: 1, quantity: 1 }];
  const rejected = await ask(world, { orderId, kind: 'refund', lines });
  await askedAndApproved(world, { orderId, kind: 'refund', lines });
  await rejectRefund(world.ctx, 'the service', rejected, 'no');
  await world.ctx.background.idle();
  expect((await points()) - before).toBe(79);
});
