import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { addMs } from '../../core/kernel/clock.ts';
import { MAX_TRIES, SLOW_MS } from '../../core/kernel/driver.ts';
import { grantPoints, pointsOfUser } from '../../core/marketing/points.ts';
import { aRoom, bookStay, roomOf } from '../hotel/support.ts';
import { openWorld, type World } from './support.ts';

let world: World;

beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});
beforeEach(() => {
  const { channel, marketing, fulfilment } = world.outside;
  for (const service of [channel, marketing, fulfilment]) {
    service.down = false;
    service.loseReplies = 0;
  }
  channel.onInit = 'open';
  channel.onRefund = 'done';
  fulfilment.onInit = 'accepted';
  marketing.onDeduct = 'deducted';
});

const ADVANCED = { advanced: 1, waiting: 0, person: 0, failed: 0 };

/** A shipped order whose fulfilment then failed: its refund. */
async function failedShipment(coupon?: string): Promise<{ refund: string; orderId: string }> {
  world.outside.fulfilment.onInit = 'failed';
  const { payOrderId, orderId } = await world.order(coupon === undefined ? {} : { coupon });
  await world.paid(payOrderId);
  const { id } = await world.one<{ id: string }>('SELECT id FROM core.refund WHERE order_id = $1', [orderId]);
  return { refund: id, orderId };
}

async function shipmentOf(orderId: string): Promise<string> {
  return (await world.one<{ id: string }>('SELECT id FROM core.shipment WHERE order_id = $1', [orderId])).id;
}

describe('payments', () => {
  test.each([
    ['p0', ['P0']],
    ['p1', ['P0', 'P1']],
    ['p4', ['P0', 'P1', 'P2', 'P4']],
  ] as const)('%s: goes on where nothing was asked yet', async (repair, path) => {
    const { payOrderId } = await world.order();
    const payment = await world.attempt(payOrderId, path);
    await world.later(10);
    expect(await world.repair(repair)).toEqual(ADVANCED);
    expect(await world.state('payment', payment)).toBe('P7');
    expect(world.outside.channel.effects.get(`trade ${payment}`)).toBe(1);
  });

  test('p2: marketing did the work and its reply was lost: it is asked, not told again', async () => {
    const { payOrderId } = await world.order({ coupon: await world.coupon() });
    world.outside.marketing.loseReplies = 1;
    const payment = await world.pay(payOrderId);
    expect(await world.state('payment', payment)).toBe('P2');
    await world.later(10);
    expect(await world.repair('p2')).toEqual(ADVANCED);
    expect(await world.state('payment', payment)).toBe('P7');
    expect(world.outside.marketing.mostEffects).toBe(1);
  });

  test('p2: with a cancel intent the coupon comes back before the attempt ends', async () => {
    const { payOrderId, orderId } = await world.order({ coupon: await world.coupon() });
    world.outside.marketing.down = true;
    const payment = await world.pay(payOrderId);
    await world.ctx.db.query({
      text: `UPDATE core.payment SET cancel_intent = 'user' WHERE id = $1`,
      values: [payment],
    });
    await world.later(10);
    expect(await world.repair('p2')).toEqual({ ...ADVANCED, advanced: 0, waiting: 1 });
    world.outside.marketing.down = false;
    await world.later(30);
    expect(await world.repair('p2')).toEqual(ADVANCED);
    expect(await world.state('payment', payment)).toBe('P10');
    expect(await world.state('orders', orderId)).toBe('O0');
  });

  test('p5: the channel took it and its reply was lost; no record is no answer', async () => {
    const { channel } = world.outside;
    const { payOrderId } = await world.order();
    channel.loseReplies = 1;
    const payment = await world.pay(payOrderId);
    expect(await world.state('payment', payment)).toBe('P5');
    await world.later(10);
    expect(await world.repair('p5')).toEqual(ADVANCED);
    expect(await world.state('payment', payment)).toBe('P7');
    expect(channel.effects.get(`trade ${payment}`)).toBe(1);

    const other = await world.order();
    channel.down = true;
    const lost = await world.pay(other.payOrderId);
    channel.down = false;
    await world.later(10);
    expect(await world.repair('p5')).toEqual(ADVANCED);
    expect(channel.calls.get(`query ${lost}`)).toBe(1);
    expect(await world.state('payment', lost)).toBe('P7');
  });

  test('p7: paid at the channel and no callback came; open past its time is closed there first', async () => {
    const { payOrderId, orderId } = await world.order();
    await world.paid(payOrderId);
    expect(await world.state('orders', orderId)).toBe('O1');

    const other = await world.order();
    const payment = await world.pay(other.payOrderId);
    await world.later(16 * 60);
    expect((await world.repair('p7')).advanced).toBeGreaterThan(0);
    expect(await world.state('payment', payment)).toBe('P11');
    expect(world.outside.channel.trades.get(payment)?.state).toBe('closed');
  });
});

describe('orders', () => {
  test('unpaid-order: past its deadline the trade is closed, then the order, and its pieces come back', async () => {
    const { payOrderId, orderId } = await world.order();
    const payment = await world.pay(payOrderId);
    await world.later(16 * 60);
    const before = await world.one<{ reserved: number }>('SELECT reserved FROM core.stock WHERE sku_id = $1', [
      world.sku,
    ]);
    await world.repair('unpaid-order');
    expect(await world.state('orders', orderId)).toBe('O4');
    expect(await world.state('payment', payment)).toBe('P11');
    const after = await world.one<{ reserved: number }>('SELECT reserved FROM core.stock WHERE sku_id = $1', [
      world.sku,
    ]);
    expect(after.reserved).toBeLessThan(before.reserved);
  });

  test('completed-order: closes what nobody complained about for a week', async () => {
    const { orderId } = await world.order();
    await world.later(16 * 60);
    await world.repair('unpaid-order');
    expect((await world.repair('completed-order')).advanced).toBe(0);
    await world.later(8 * 86_400);
    expect((await world.repair('completed-order')).advanced).toBeGreaterThan(0);
    expect(await world.state('orders', orderId)).toBe('O5');
  });

  test('reservation-expired: gives pieces back once', async () => {
    const { orderId } = await world.order();
    await world.later(31 * 60);
    expect((await world.repair('reservation-expired')).advanced).toBeGreaterThan(0);
    const held = await world.one<{ state: string }>('SELECT state FROM core.reservation WHERE order_id = $1', [
      orderId,
    ]);
    expect(held.state).toBe('released');
    expect(await world.repair('reservation-expired')).toEqual({ ...ADVANCED, advanced: 0 });
  });

  test('stock-folded: sums up all but the newest sales', async () => {
    const old = `INSERT INTO core.reservation (order_id, sku_id, warehouse_id, quantity, state)
      SELECT 'old', $1, 1, 1, 'taken' FROM generate_series(1, 5003)`;
    await world.ctx.db.query({ text: old, values: [world.sku] });
    expect((await world.repair('stock-folded')).advanced).toBeGreaterThanOrEqual(3);
  });
});

describe('shipments', () => {
  test('f0, f1: asked once, whatever was lost', async () => {
    const { fulfilment } = world.outside;
    const { payOrderId, orderId } = await world.order();
    fulfilment.loseReplies = 1;
    await world.paid(payOrderId);
    const shipment = await shipmentOf(orderId);
    expect(await world.state('shipment', shipment)).toBe('F1');
    await world.later(30);
    expect((await world.repair('f1')).advanced).toBe(1);
    expect(await world.state('shipment', shipment)).toBe('F2');
    await world.force('shipment', shipment, 'F0');
    expect((await world.repair('f0')).advanced).toBe(1);
    expect(fulfilment.effects.get(`parcel ${shipment}`)).toBe(1);
  });

  test('f2: delivered without a callback', async () => {
    const { payOrderId, orderId } = await world.order();
    await world.paid(payOrderId);
    const shipment = await shipmentOf(orderId);
    world.outside.fulfilment.set(shipment, 'delivered');
    await world.later(60);
    expect((await world.repair('f2')).advanced).toBe(1);
    expect(await world.state('shipment', shipment)).toBe('F4');
    expect(await world.state('orders', orderId)).toBe('O2');
  });
});

describe('refunds', () => {
  test('r9: the channel paid back and its reply was lost', async () => {
    const { channel } = world.outside;
    const { payOrderId, orderId } = await world.order();
    const payment = await world.pay(payOrderId);
    channel.pay(payment);
    world.outside.fulfilment.onInit = 'failed';
    channel.beforeAnswer = (call) => {
      if (call === 'refund') channel.loseReplies = 1;
      return Promise.resolve();
    };
    await world.later(30);
    await world.repair('p7');
    channel.beforeAnswer = () => Promise.resolve();
    const { id } = await world.one<{ id: string }>('SELECT id FROM core.refund WHERE order_id = $1', [orderId]);
    expect(await world.state('refund', id)).toBe('R9');
    await world.later(30);
    expect((await world.repair('refund-r9')).advanced).toBe(1);
    expect(await world.state('refund', id)).toBe('R10');
    expect(await world.state('orders', orderId)).toBe('O3');
    expect(channel.effects.get(`refund ${id}`)).toBe(1);
  });

  test('r8, r13: go on; r11, r14: hand over', async () => {
    for (const [state, repair, end] of [
      ['R8', 'refund-r8', 'R10'],
      ['R13', 'refund-r13', 'R10'],
      ['R11', 'refund-r11', 'R15'],
      ['R14', 'refund-r14', 'R15'],
    ] as const) {
      world.outside.channel.down = true;
      const { payOrderId } = await world.order();
      world.outside.channel.down = false;
      const payment = await world.pay(payOrderId);
      world.outside.channel.pay(payment);
      world.outside.fulfilment.onInit = 'failed';
      await world.later(30);
      world.outside.channel.beforeAnswer = (call) => {
        if (call === 'refund') world.outside.channel.loseReplies = 1;
        return Promise.resolve();
      };
      await world.repair('p7');
      world.outside.channel.beforeAnswer = () => Promise.resolve();
      const { id } = await world.one<{ id: string }>('SELECT id FROM core.refund WHERE pay_order_id = $1', [
        payOrderId,
      ]);
      await world.force('refund', id, state);
      expect((await world.repair(repair)).advanced).toBe(1);
      expect(await world.state('refund', id)).toBe(end);
      expect(world.outside.channel.effects.get(`refund ${id}`)).toBe(1);
    }
  });

  test('r12 and rollback-pending: marketing gives back first', async () => {
    const { marketing } = world.outside;
    const coupon = await world.coupon();
    marketing.beforeAnswer = (call) => {
      if (call === 'rollback') marketing.loseReplies = 1;
      return Promise.resolve();
    };
    const { refund, orderId } = await failedShipment(coupon);
    expect(await world.state('refund', refund)).toBe('R12');
    marketing.beforeAnswer = () => Promise.resolve();
    await world.later(30);
    expect((await world.repair('rollback-pending')).advanced).toBe(1);
    await world.later(30);
    expect((await world.repair('refund-r12')).advanced).toBe(1);
    expect(await world.state('refund', refund)).toBe('R10');
    expect(await world.state('orders', orderId)).toBe('O3');
    expect(marketing.mostEffects).toBe(1);
  });
});

describe('rooms at the hotel', () => {
  test('room-asked, room-locked, room-confirmed, room-releasing: each brings its room on', async () => {
    const room = await aRoom(world);
    const { hotel } = world.outside;
    hotel.down = true;
    const { orderId } = await bookStay(world, room);
    const { id } = await roomOf(world, orderId);
    hotel.down = false;
    await world.later(30);
    for (const [state, repair, end] of [
      ['ASKED', 'room-asked', 'LOCKED'],
      ['CONFIRMED', 'room-confirmed', 'STAYED'],
      ['RELEASING', 'room-releasing', 'RELEASED'],
    ] as const) {
      await world.force('room_lock', id, state);
      expect((await world.repair(repair)).advanced).toBe(1);
      expect(await world.state('room_lock', id)).toBe(end);
    }
    await world.force('orders', orderId, 'O4');
    await world.force('room_lock', id, 'LOCKED');
    expect((await world.repair('room-locked')).advanced).toBe(1);
    expect(await world.state('room_lock', id)).toBe('RELEASED');
    expect(hotel.mostEffects).toBe(1);
  });
});

describe('what ends by itself', () => {
  test('points-expired: what was not spent in time is taken out of its lot and booked, once', async () => {
    const validUntil = addMs(world.clock.now(), 60_000);
    await grantPoints(world.ctx, 'a merchant', { userId: 42, points: 300, reason: 'a test', validUntil }, 'ends');
    await grantPoints(world.ctx, 'a merchant', { userId: 42, points: 200, reason: 'a test' }, 'lasts');
    expect(await pointsOfUser(world.ctx.db, 42, world.clock.now())).toMatchObject({ available: 500 });
    await world.later(61);
    expect(await pointsOfUser(world.ctx.db, 42, world.clock.now())).toMatchObject({ available: 200 });
    expect((await world.repair('points-expired')).advanced).toBe(1);
    expect((await world.repair('points-expired')).advanced).toBe(0);
    expect(await world.one(`SELECT balance FROM core.account WHERE id = 'points:42:PTS'`)).toEqual({ balance: 200 });
    expect(await world.one(`SELECT count(*) AS n FROM core.posting WHERE kind = 'points_expired'`)).toEqual({ n: 1 });
  });
});

describe('what arrives from outside', () => {
  test('callback-stored: applied late, once', async () => {
    const { payOrderId, orderId } = await world.order();
    const payment = await world.pay(payOrderId);
    const body = {
      type: 'trade.paid',
      source: 'sandbox',
      merchantId: 'tidegate',
      tradeNo: payment,
      transactionId: `tx-${payment}`,
      amount: 7900,
      currency: 'CNY',
      occurredAt: world.clock.now().toISOString(),
    };
    await world.ctx.db.query({
      text: `INSERT INTO core.callback (id, source, event_id, kind, digest, body, received_at, state, state_since, due_at)
        VALUES ('cb_stored', 'sandbox', 'evt_stored', 'payment', 'd', $1, $2, 'STORED', $2, $2)`,
      values: [JSON.stringify(body), world.clock.now()],
    });
    await world.later(2);
    expect((await world.repair('callback-stored')).advanced).toBe(1);
    expect(await world.state('callback', 'cb_stored')).toBe('APPLIED');
    expect(await world.state('orders', orderId)).toBe('O1');
  });

  test('late-capture: money that came after the end goes back in full', async () => {
    const { payOrderId } = await world.order();
    const payment = await world.pay(payOrderId);
    await world.later(16 * 60);
    await world.repair('unpaid-order');
    await world.ctx.db.query({
      text: `INSERT INTO core.capture (id, pay_order_id, payment_id, channel, channel_transaction, amount, currency, kind,
          created_at, state, state_since, due_at)
        VALUES ('cap_late', $1, $2, 'sandbox', 'tx_late', 7900, 'CNY', 'late', $3, 'LATE', $3, $3)`,
      values: [payOrderId, payment, world.clock.now()],
    });
    expect((await world.repair('late-capture')).advanced).toBe(1);
    const refund = await world.one<{ id: string; state: string; amount: number }>(
      `SELECT id, state, amount FROM core.refund WHERE capture_id = 'cap_late'`,
    );
    expect(refund).toMatchObject({ state: 'R10', amount: 7900 });
    expect(world.outside.channel.effects.get(`refund ${refund.id}`)).toBe(1);
  });
});

describe('rows that nobody can bring forward', () => {
  test('exhausted tries end before a person, never with a guess', async () => {
    const { payOrderId } = await world.order();
    world.outside.channel.down = true;
    const payment = await world.pay(payOrderId);
    await world.ctx.db.query({
      text: 'UPDATE core.payment SET tries = $2 WHERE id = $1',
      values: [payment, MAX_TRIES - 1],
    });
    await world.later(30);
    expect(await world.repair('p5')).toEqual({ ...ADVANCED, advanced: 0, person: 1 });
    const row = await world.one<{ state: string; due_at: Date | null; person_reason: string }>(
      'SELECT state, due_at, person_reason FROM core.payment WHERE id = $1',
      [payment],
    );
    expect(row.state).toBe('P5');
    expect(row.due_at?.getTime()).toBeGreaterThan(world.clock.now().getTime() + SLOW_MS / 2);
    expect(row.person_reason).toContain('no answer after');
  });

  test('a step that breaks is an unknown answer with its reason, not a silent loop', async () => {
    const { payOrderId } = await world.order();
    const payment = await world.pay(payOrderId);
    const { channel } = world.outside;
    channel.beforeAnswer = () => Promise.reject(new Error('a bug'));
    await world.later(30);
    expect((await world.repair('p7')).waiting).toBe(1);
    channel.beforeAnswer = () => Promise.resolve();
    const row = await world.one<{ tries: number; lease_until: Date | null }>(
      'SELECT tries, lease_until FROM core.payment WHERE id = $1',
      [payment],
    );
    expect(row).toEqual({ tries: 1, lease_until: null });
    const note = await world.one<{ reason: string }>(
      `SELECT reason FROM core.event WHERE entity_id = $1 AND type = 'payment.unknown'`,
      [payment],
    );
    expect(note.reason).toContain('a bug');
  });
});
