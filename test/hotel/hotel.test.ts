import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { captureOf } from '../../core/fulfilment/fulfilment.store.ts';
import { pay } from '../../core/payments/payments.ts';
import { openRefund } from '../../core/refunds/refunds.ts';
import { loadChecks } from '../../reconcile/check.ts';
import { openWorld, type World } from '../reconcile/support.ts';
import { skusOnShelf, VIRTUAL } from '../support/catalogue.ts';
import { place } from '../support/orders.ts';
import { aRoom, bookedFor, bookStay, cancel, roomOf } from './support.ts';

const NEVER = new AbortController().signal;

let world: World;
let room: number;
beforeEach(async () => {
  world = await openWorld();
  room = await aRoom(world);
});
afterEach(async () => {
  // Whatever a test of this file did: the books hold.
  for (const check of await loadChecks()) {
    // Nobody seals the journal here.
    if (check.id === 'stuck-age' || check.id === 'hash-chain') continue;
    const found = await check.violations(world.ctx.db, { kind: 'all', now: world.clock.now() });
    expect(found, check.id).toEqual({ violations: [], count: 0 });
  }
  await world[Symbol.asyncDispose]();
});

function pressPay(payOrderId: string): ReturnType<typeof pay> {
  return pay(world.ctx, { payOrderId, channel: 'sandbox' }, NEVER);
}

describe('a room', () => {
  test('is locked at the hotel, paid, kept, and the order is fulfilled on the day of departure', async () => {
    const stay = await bookStay(world, room);
    expect(stay.payable.amount).toBe(60_000);
    const { id } = await roomOf(world, stay.orderId);
    expect(world.outside.hotel.rooms.get(id)).toMatchObject({ state: 'locked' });
    expect(await roomOf(world, stay.orderId)).toMatchObject({ state: 'LOCKED' });
    await world.paid(stay.payOrderId);
    expect(await roomOf(world, stay.orderId)).toMatchObject({ state: 'CONFIRMED' });
    expect(await world.state('orders', stay.orderId)).toBe('O1');
    expect(world.outside.fulfilment.effects.size).toBe(0);
    await world.later(23 * 86_400);
    await world.repair('room-confirmed');
    expect(await roomOf(world, stay.orderId)).toMatchObject({ state: 'STAYED' });
    expect(await world.state('orders', stay.orderId)).toBe('O2');
    expect(world.outside.hotel.mostEffects).toBe(1);
  });

  test('that the hotel has not answered for cannot be paid yet; its silence is no no', async () => {
    world.outside.hotel.loseReplies = 1;
    const stay = await bookStay(world, room);
    expect(await pressPay(stay.payOrderId)).toMatchObject({ ok: false, code: 'room_not_locked' });
    await world.later(30);
    expect((await world.repair('room-asked')).advanced).toBe(1);
    const { id } = await roomOf(world, stay.orderId);
    expect(world.outside.hotel.calls.get(`query ${id}`)).toBe(1);
    expect(world.outside.hotel.calls.get(`lock ${id}`)).toBe(1);
    expect(await pressPay(stay.payOrderId)).toMatchObject({ ok: true });
  });

  test('is not ordered for a day that has passed everywhere', async () => {
    const from = (checkIn: string) =>
      place(world.ctx, [{ skuId: room, quantity: 1 }], {
        type: 'hotel',
        address: undefined,
        details: { checkIn, checkOut: `${checkIn.slice(0, -2)}${Number(checkIn.slice(-2)) + 1}`, guest: '李雷' },
      });
    expect(await from('2026-11-10')).toMatchObject({ ok: true });
    await world.later(12 * 3_600);
    expect(await from('2026-11-10')).toMatchObject({
      code: 'order_type_mismatch',
      errors: [{ path: 'details.checkIn', message: 'has passed' }],
    });
    expect(await from('2026-11-11')).toMatchObject({ ok: true });
  });

  test('that the hotel refuses ends the order, and cannot be paid', async () => {
    world.outside.hotel.onLock = 'refused';
    const stay = await bookStay(world, room);
    expect(await roomOf(world, stay.orderId)).toMatchObject({ state: 'REFUSED' });
    expect(await pressPay(stay.payOrderId)).toMatchObject({ ok: false, code: 'pay_order_closed' });
    await world.later(1);
    await world.repair('unpaid-order');
    expect(await world.state('orders', stay.orderId)).toBe('O4');
    const reason = 'SELECT cancel_reason FROM core.orders WHERE id = $1';
    expect((await world.one<{ cancel_reason: string }>(reason, [stay.orderId])).cancel_reason).toContain('no room');
  });

  test('that nobody pays for is let go before its order closes', async () => {
    const stay = await bookStay(world, room);
    const { id } = await roomOf(world, stay.orderId);
    world.outside.hotel.down = true;
    await world.later(16 * 60);
    await world.repair('unpaid-order');
    expect(await world.state('orders', stay.orderId)).toBe('O0');
    expect(await roomOf(world, stay.orderId)).toMatchObject({ state: 'RELEASING' });
    world.outside.hotel.down = false;
    world.outside.hotel.keeps = true;
    await world.later(30);
    expect((await world.repair('room-releasing')).waiting).toBe(1);
    world.outside.hotel.keeps = false;
    await world.later(30);
    await world.repair('room-releasing');
    await world.repair('unpaid-order');
    expect(await world.state('orders', stay.orderId)).toBe('O4');
    expect(world.outside.hotel.rooms.get(id)).toMatchObject({ state: 'released' });
  });

  test('whose request is still on its way when the shopper cancels is refused by its tombstone', async () => {
    const asked = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const { hotel } = world.outside;
    const lock = hotel.lock.bind(hotel);
    hotel.lock = async (wanted) => {
      asked.resolve();
      await go.promise;
      return lock(wanted);
    };
    const placing = place(world.ctx, [{ skuId: room, quantity: 1 }], {
      type: 'hotel',
      address: undefined,
      details: { checkIn: '2026-12-01', checkOut: '2026-12-02', guest: '李雷' },
    });
    const placed = await placing;
    const orderId = (placed.ok && placed.value.created.orders[0]?.orderId) || '';
    await asked.promise;
    await world.later(20);
    const { cancelOrder } = await import('../../core/orders/cancel.ts');
    await cancelOrder(world.ctx, orderId, 'changed my mind', NEVER);
    expect(await world.state('orders', orderId)).toBe('O4');
    go.resolve();
    await world.ctx.background.idle();
    const { id, state } = await roomOf(world, orderId);
    expect([state, hotel.rooms.get(id)?.state]).toEqual(['RELEASED', 'released']);
    expect(hotel.effects.get(`lock ${id}`)).toBeUndefined();
  });
});

describe('cancelling a paid stay', () => {
  const cancellation = { freeUntil: '2026-11-20T00:00:00Z', penaltyPercent: 50 };

  test('costs nothing before its policy says so', async () => {
    const stay = await bookStay(world, room, { cancellation });
    await world.paid(stay.payOrderId);
    expect(await cancel(world, stay.orderId)).toMatchObject({ ok: true });
    expect(await roomOf(world, stay.orderId)).toMatchObject({ state: 'RELEASED', penalty: 0 });
    expect(await world.state('orders', stay.orderId)).toBe('O3');
    expect(await bookedFor(world, [stay.payOrderId])).toEqual({});
  });

  test('later keeps the penalty as forfeited, and pays the rest back when the room is free', async () => {
    const stay = await bookStay(world, room, { cancellation, couponCode: await world.coupon() });
    await world.paid(stay.payOrderId);
    await world.later(10 * 86_400);
    world.outside.hotel.loseReplies = 1;
    expect(await cancel(world, stay.orderId)).toMatchObject({ ok: true, value: { cancelling: true } });
    expect(await roomOf(world, stay.orderId)).toMatchObject({ state: 'RELEASING', penalty: 29_500 });
    expect(await world.state('orders', stay.orderId)).toBe('O1');
    expect(await cancel(world, stay.orderId)).toMatchObject({ ok: true });
    await world.later(30);
    await world.repair('room-releasing');
    for (const id of ['rollback-pending', 'refund-r12', 'refund-r13', 'refund-r9']) {
      await world.later(30);
      await world.repair(id);
    }
    expect(await world.state('orders', stay.orderId)).toBe('O3');
    // 600.00, of which a coupon paid 10.00: half of the 590.00 is kept, half goes back, and the coupon's part to marketing.
    expect(await bookedFor(world, [stay.payOrderId])).toEqual({
      'clearing:sandbox:CNY': 29_500,
      'forfeit_revenue:CNY': -29_500,
    });
    expect(world.outside.hotel.mostEffects).toBe(1);
  });

  test('is refused on the day of arrival', async () => {
    const stay = await bookStay(world, room, { cancellation });
    await world.paid(stay.payOrderId);
    await world.later(20 * 86_400);
    expect(await cancel(world, stay.orderId)).toMatchObject({ ok: false, code: 'wrong_state' });
    expect(await roomOf(world, stay.orderId)).toMatchObject({ state: 'CONFIRMED' });
  });

  test('twice at once costs once', async () => {
    const stay = await bookStay(world, room, { cancellation: { ...cancellation, freeUntil: '2026-11-01T00:00:00Z' } });
    await world.paid(stay.payOrderId);
    const both = await Promise.all([cancel(world, stay.orderId), cancel(world, stay.orderId)]);
    expect(both.map(({ ok }) => ok)).toEqual([true, true]);
    expect(await bookedFor(world, [stay.payOrderId])).toEqual({
      'clearing:sandbox:CNY': 30_000,
      'forfeit_revenue:CNY': -30_000,
    });
  });
});

test('cancel against capture: the money was faster: it goes back in full and the room is free', async () => {
  const stay = await bookStay(world, room);
  const payment = await world.pay(stay.payOrderId);
  world.outside.channel.pay(payment);
  world.outside.channel.loseReplies = 1;
  expect(await cancel(world, stay.orderId)).toMatchObject({ ok: true, value: { cancelling: true } });
  await world.later(60);
  await world.repair('p7');
  expect(await world.state('payment', payment)).toBe('P8');
  expect(await world.state('orders', stay.orderId)).toBe('O3');
  expect(await roomOf(world, stay.orderId)).toMatchObject({ state: 'RELEASED', penalty: null });
  expect(await bookedFor(world, [stay.payOrderId])).toEqual({});
});

test('that is paid when its stock is gone is let go, and the money goes back once', async () => {
  const [scarce = 0] = await skusOnShelf(world.ctx, { categoryId: VIRTUAL, skus: [{ price: '300.00', stock: 2 }] });
  await world.ctx.db.query({ text: `UPDATE core.sku SET deduct_at = 'payment' WHERE id = $1`, values: [scarce] });
  const one = await bookStay(world, scarce);
  const two = await bookStay(world, scarce);
  await world.paid(one.payOrderId);
  await world.paid(two.payOrderId);
  expect(await roomOf(world, one.orderId)).toMatchObject({ state: 'CONFIRMED' });
  const { id, ...letGo } = await roomOf(world, two.orderId);
  expect(letGo).toEqual({ state: 'RELEASED', penalty: null });
  expect(world.outside.hotel.rooms.get(id)).toMatchObject({ state: 'released' });
  expect(await world.state('orders', two.orderId)).toBe('O3');
  expect(await bookedFor(world, [two.payOrderId])).toEqual({});
  expect(await cancel(world, two.orderId)).toMatchObject({ ok: false, code: 'wrong_state' });
});

test('a paid stay whose money is on its way back is not cancelled beside that', async () => {
  const stay = await bookStay(world, room);
  await world.paid(stay.payOrderId);
  // As an order that stopped left its room when that was still kept first.
  world.outside.channel.loseReplies = 9;
  const { payOrderId, orderId } = stay;
  await world.ctx.db.tx(async (tx) => {
    const capture = await captureOf(tx, orderId);
    if (capture === null) throw new Error('no capture');
    const why = { cause: 'no_stock' as const, reason: 'captured when its stock was gone' };
    await openRefund(tx, world.ctx, { payOrderId, orderId, ...capture, amount: 60_000, subsidy: 0, ...why });
  });
  await world.ctx.background.idle();
  expect(await world.state('orders', orderId)).toBe('O1');
  expect(await cancel(world, orderId)).toMatchObject({ ok: false, code: 'wrong_state' });
  expect(await roomOf(world, orderId)).toMatchObject({ state: 'CONFIRMED', penalty: null });
});

test('a process that dies after each step leaves a row that its repair finishes', async () => {
  const { hotel } = world.outside;
  // Committed and never asked.
  hotel.down = true;
  const stay = await bookStay(world, room, { cancellation: { freeUntil: '2026-11-01T00:00:00Z', penaltyPercent: 10 } });
  hotel.down = false;
  await world.force('room_lock', (await roomOf(world, stay.orderId)).id, 'ASKED');
  await world.later(30);
  await world.repair('room-asked');
  expect(await roomOf(world, stay.orderId)).toMatchObject({ state: 'LOCKED' });
  // Paid; then cancelled, and the process died before it told the hotel.
  await world.paid(stay.payOrderId);
  hotel.down = true;
  await cancel(world, stay.orderId);
  hotel.down = false;
  await world.later(30);
  await world.repair('room-releasing');
  expect(await world.state('orders', stay.orderId)).toBe('O3');
  expect(await bookedFor(world, [stay.payOrderId])).toEqual({
    'clearing:sandbox:CNY': 6_000,
    'forfeit_revenue:CNY': -6_000,
  });
  // An order that ended without its room, as no command leaves one: the room looks after itself.
  const other = await bookStay(world, room);
  await world.force('orders', other.orderId, 'O4');
  await world.later(25 * 60);
  expect((await world.repair('room-locked')).advanced).toBe(1);
  expect(await roomOf(world, other.orderId)).toMatchObject({ state: 'RELEASED' });
  expect(hotel.mostEffects).toBe(1);
});
