import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { approveRefund, objectToRejection, rejectRefund } from '../../core/aftersales/decisions.ts';
import { closeRefund, retryLeg, settleOtherwise } from '../../core/aftersales/ways-out.ts';
import {
  ask,
  askedAndApproved,
  booksOfPayOrder,
  countersOf,
  deliver,
  paidOrder,
  returned,
} from '../support/aftersales.ts';
import { openWorld, type World } from './support.ts';

/* A process dies after each step of a refund, and the repairs finish what it left; what only a person can end, a person ends. */
let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});
beforeEach(() => {
  const { channel, marketing, fulfilment } = world.outside;
  for (const service of [channel, marketing, fulfilment]) service.down = false;
  channel.onRefund = 'done';
  fulfilment.onReturn = 'accepted';
});

const ADVANCED = { advanced: 1, waiting: 0, person: 0, failed: 0 };
const state = (id: string) => world.state('refund', id);
const one = () => [{ skuId: world.sku, quantity: 1 }];

/** A delivered order whose return was asked for, and the process that approved it died at once. */
async function approvedReturn(): Promise<{ refund: string; orderId: string; payOrderId: string }> {
  const { payOrderId, orderId } = await paidOrder(world, one());
  await deliver(world, orderId);
  const refund = await ask(world, { orderId, kind: 'return' });
  await world.ctx.db.query({
    text: `UPDATE core.refund SET state = 'R2', decided_by = 'a merchant', due_at = $2 WHERE id = $1`,
    values: [refund, world.clock.now()],
  });
  return { refund, orderId, payOrderId };
}

describe('a process that dies', () => {
  test('refund-r2 … refund-r9: after every commit of a return, the repairs go on from there, and each effect happens once', async () => {
    const { refund, orderId, payOrderId } = await approvedReturn();
    const { fulfilment, channel } = world.outside;
    fulfilment.down = true;
    await world.later(60);
    await world.repair('refund-r2');
    expect(await state(refund)).toBe('R4');
    fulfilment.down = false;
    fulfilment.loseReplies = 1;
    await world.later(60);
    await world.repair('refund-r4');
    expect(await state(refund)).toBe('R4');
    await world.later(60);
    expect(await world.repair('refund-r4')).toEqual(ADVANCED);
    expect(await state(refund)).toBe('R5');
    fulfilment.setReturn(refund, 'received');
    channel.down = true;
    await world.later(60);
    await world.repair('refund-r5');
    expect(await state(refund)).toBe('R9');
    // As if it had died at R6 instead.
    await world.force('refund', refund, 'R6');
    channel.down = false;
    expect(await world.repair('refund-r6')).toEqual(ADVANCED);
    expect(await state(refund)).toBe('R10');
    expect(fulfilment.effects.get(`return ${refund}`)).toBe(1);
    expect(channel.effects.get(`refund ${refund}`)).toBe(1);
    expect(await world.state('orders', orderId)).toBe('O3');
    expect(await booksOfPayOrder(world, payOrderId)).toEqual({});
  });

  test('refund-r7: goods that did not come back are a person’s', async () => {
    const { refund } = await approvedReturn();
    await world.force('refund', refund, 'R7');
    expect(await world.repair('refund-r7')).toEqual(ADVANCED);
    expect(await state(refund)).toBe('R15');
  });

  test('refund-r2: the parcel’s cancel was asked and its answer lost: asked again, and then paid back', async () => {
    const { orderId, payOrderId } = await paidOrder(world, one());
    world.outside.fulfilment.loseReplies = 1;
    const refund = await askedAndApproved(world, { orderId });
    expect(await state(refund)).toBe('R2');
    for (let i = 0; i < 3; i += 1) {
      await world.later(60);
      await world.repair('refund-r2');
    }
    expect(await state(refund)).toBe('R10');
    expect(await booksOfPayOrder(world, payOrderId)).toEqual({});
  });

  test('refund-r6 of an exchange: one replacement, however often', async () => {
    const { orderId } = await paidOrder(world, one());
    await deliver(world, orderId);
    const exchange = await askedAndApproved(world, { orderId, kind: 'exchange' });
    await returned(world, exchange, 'received');
    await world.later(60);
    await world.repair('refund-r6');
    const sent = 'SELECT count(*) AS count FROM core.shipment WHERE refund_id = $1';
    expect(await world.one(sent, [exchange])).toEqual({ count: 1 });
  });
});

describe('the ways out of R15', () => {
  /** A delivered order's return whose money the channel refused. */
  async function refusedByChannel(): Promise<{ refund: string; orderId: string; payOrderId: string }> {
    world.outside.channel.onRefund = 'failed';
    const { payOrderId, orderId } = await paidOrder(world, one());
    await deliver(world, orderId);
    const refund = await askedAndApproved(world, { orderId });
    await world.later(60);
    for (const id of ['refund-r9', 'refund-r11']) await world.repair(id);
    expect(await state(refund)).toBe('R15');
    world.outside.channel.onRefund = 'done';
    return { refund, orderId, payOrderId };
  }
  const reason = 'a person says so';

  test('the cash leg again, under a number of its own', async () => {
    const { refund, payOrderId } = await refusedByChannel();
    expect(await retryLeg(world.ctx, 'on call', refund, { leg: 'cash', reason })).toMatchObject({ ok: true });
    await world.ctx.background.idle();
    expect(await state(refund)).toBe('R10');
    expect(world.outside.channel.effects.get(`refund ${refund}.2`)).toBe(1);
    expect(await booksOfPayOrder(world, payOrderId)).toEqual({});
    const log = 'SELECT actor, entity_type FROM core.operation_log WHERE entity_id = $1 ORDER BY id DESC LIMIT 1';
    expect(await world.one(log, [refund])).toEqual({ actor: 'on call', entity_type: 'refund' });
  });

  test('the return leg again; marketing only where it has paid a part; neither for what is done', async () => {
    const { refund } = await approvedReturn();
    await world.later(60);
    await world.repair('refund-r2');
    await returned(world, refund, 'failed');
    expect(await state(refund)).toBe('R15');
    expect(await retryLeg(world.ctx, 'on call', refund, { leg: 'marketing', reason })).toMatchObject({
      code: 'wrong_state',
    });
    expect(await retryLeg(world.ctx, 'on call', refund, { leg: 'return', reason })).toMatchObject({ ok: true });
    await world.ctx.background.idle();
    expect(await state(refund)).toBe('R5');
    await returned(world, refund, 'received', 2);
    expect(await state(refund)).toBe('R10');
    expect(await retryLeg(world.ctx, 'on call', refund, { leg: 'cash', reason })).toMatchObject({
      code: 'wrong_state',
    });
  });

  test('the marketing leg again, once marketing gives back what it had refused', async () => {
    const { payOrderId, orderId } = await paidOrder(world, one(), { couponCode: await world.coupon() });
    await deliver(world, orderId);
    const { marketing } = world.outside;
    const rollback = marketing.rollback.bind(marketing);
    marketing.rollback = async () => ({ kind: 'refused', reason: 'the campaign is over' });
    const refund = await askedAndApproved(world, { orderId });
    for (const id of ['rollback-pending', 'refund-r12', 'refund-r14']) {
      await world.later(60);
      await world.repair(id);
    }
    expect(await state(refund)).toBe('R15');
    expect(await retryLeg(world.ctx, 'on call', refund, { leg: 'cash', reason })).toMatchObject({
      code: 'wrong_state',
    });
    marketing.rollback = rollback;
    expect(await retryLeg(world.ctx, 'on call', refund, { leg: 'marketing', reason })).toMatchObject({ ok: true });
    await world.ctx.background.idle();
    for (const id of ['rollback-pending', 'refund-r12']) {
      await world.later(60);
      await world.repair(id);
    }
    expect(await state(refund)).toBe('R10');
    expect(await booksOfPayOrder(world, payOrderId)).toEqual({});
  });

  test('paid another way, with evidence, is booked against the bank', async () => {
    const { refund, orderId, payOrderId } = await refusedByChannel();
    const proof = { reason, evidence: 'transfer 4711' };
    const both = await Promise.all([1, 2].map(() => settleOtherwise(world.ctx, 'an approver', refund, proof)));
    expect(both.filter((b) => b.ok)).toHaveLength(1);
    expect(await state(refund)).toBe('R10');
    expect(await booksOfPayOrder(world, payOrderId)).toEqual({ bank: -7900, clearing: 7900 });
    expect(await world.state('orders', orderId)).toBe('O3');
  });

  test('closed with a reason: nothing is owed, and the pieces can be asked for anew', async () => {
    const { refund, orderId, payOrderId } = await refusedByChannel();
    expect(await closeRefund(world.ctx, 'an approver', refund, reason)).toMatchObject({ ok: true });
    expect(await state(refund)).toBe('R3');
    expect(await booksOfPayOrder(world, payOrderId)).toEqual({ clearing: 7900, merchant_payable: -7900 });
    expect(await countersOf(world, orderId)).toMatchObject([{ claimed: 0 }]);
    // The shopper objects, it is paid another way, and the books are exact all the same.
    expect(await objectToRejection(world.ctx, 'a shop', refund, 'no')).toMatchObject({ ok: true });
    expect(await state(refund)).toBe('R15');
    expect(await retryLeg(world.ctx, 'on call', refund, { leg: 'cash', reason })).toMatchObject({ ok: true });
    await world.ctx.background.idle();
    expect(await booksOfPayOrder(world, payOrderId)).toEqual({});
  });

  test('an objection to a rejection claims again, and is refused when others have taken the pieces', async () => {
    const { orderId } = await paidOrder(world, one());
    await deliver(world, orderId);
    const first = await ask(world, { orderId });
    await rejectRefund(world.ctx, 'a merchant', first, 'worn');
    const second = await ask(world, { orderId });
    expect(await objectToRejection(world.ctx, 'a shop', first, 'no')).toMatchObject({ code: 'refund_exceeds_capture' });
    await rejectRefund(world.ctx, 'a merchant', second, 'worn');
    expect(await objectToRejection(world.ctx, 'a shop', first, 'no')).toMatchObject({ ok: true });
    expect(await countersOf(world, orderId)).toMatchObject([{ claimed: 1 }]);
    expect(await approveRefund(world.ctx, 'a merchant', first)).toMatchObject({ code: 'wrong_state' });
  });
});
