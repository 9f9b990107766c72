import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { addMs } from '../../core/kernel/clock.ts';
import { allocate } from '../../core/kernel/money.ts';
import { earnPoints, grantPoints, pointsOfUser } from '../../core/marketing/points.ts';
import { clawBack, undoClawBack } from '../../core/marketing/returns.ts';
import { pay } from '../../core/payments/payments.ts';
import { lockPayOrder } from '../../core/payorders/payorders.ts';
import { openRefund } from '../../core/refunds/refunds.ts';
import { openWorld, type World } from '../reconcile/support.ts';
import { placed } from '../support/orders.ts';

/* Coupon and points on their way through payment and refund; 42 is the shopper, with 5,000 points. */
const NEVER = new AbortController().signal;
const REPAIRS = [
  'p1',
  'p2',
  'p4',
  'p5',
  'p7',
  'unpaid-order',
  'rollback-pending',
  'refund-r8',
  'refund-r12',
  'refund-r13',
  'refund-r9',
];

let world: World;
beforeEach(async () => {
  world = await openWorld();
  const granted = await grantPoints(world.ctx, 'a merchant', { userId: 42, points: 5_000, reason: 'a test' }, 'grant');
  if (!granted.ok) throw new Error(granted.detail);
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

interface Ordered {
  readonly payOrderId: string;
  readonly orderId: string;
  readonly coupon: string;
}

/** An order of so many pieces at 79.00, paid with a coupon of 10.00 and 700 points beside money. */
async function ordered(quantity = 1): Promise<Ordered> {
  const coupon = await world.coupon();
  const created = await placed(world.ctx, [{ skuId: world.sku, quantity }], { couponCode: coupon, points: 700 });
  expect(created.payable.amount).toBe(7_900 * quantity - 1_700);
  return { payOrderId: created.payOrderId, orderId: created.orders[0]?.orderId ?? '', coupon };
}

async function settle(rounds = 6): Promise<void> {
  for (let i = 0; i < rounds; i += 1) {
    await world.later(30);
    for (const id of REPAIRS) await world.repair(id);
  }
}

const press = (payOrderId: string) => pay(world.ctx, { payOrderId, channel: 'sandbox' }, NEVER);

async function deductionsOf(payOrderId: string): Promise<string[]> {
  const rows = await world.ctx.db.query<{ said: string }>({
    text: `SELECT d.kind || ' ' || d.state AS said FROM core.deduction d JOIN core.payment p ON p.id = d.payment_id
      WHERE d.pay_order_id = $1 ORDER BY p.attempt_no, d.kind`,
    values: [payOrderId],
  });
  return rows.map(({ said }) => said);
}

async function standing({ coupon }: Ordered) {
  const { available, locked } = await pointsOfUser(world.ctx.db, 42, world.clock.now());
  const { state } = await world.one<{ state: string }>('SELECT state FROM core.coupon WHERE code = $1', [coupon]);
  const { balance } = await world.one<{ balance: number }>(
    `SELECT balance FROM core.account WHERE id = 'points:42:PTS'`,
  );
  return { coupon: state, available, locked, balance };
}

const FREE = { coupon: 'available', available: 5_000, locked: 0, balance: 5_000 };
const HELD = { coupon: 'locked', available: 4_300, locked: 700, balance: 5_000 };
const SPENT = { coupon: 'used', available: 4_300, locked: 0, balance: 4_300 };

describe('paying with a coupon and points', () => {
  test('deducts both, then asks the channel for the rest, and spends them', async () => {
    const order = await ordered();
    expect(await standing(order)).toEqual(HELD);
    await world.paid(order.payOrderId);
    expect(await standing(order)).toEqual(SPENT);
    expect(await deductionsOf(order.payOrderId)).toEqual(['coupon DEDUCTED', 'points DEDUCTED']);
    const asked = await world.ctx.db.query({
      text: 'SELECT kind, resource, amount, currency FROM core.deduction WHERE pay_order_id = $1 ORDER BY kind',
      values: [order.payOrderId],
    });
    expect(asked).toEqual([
      { kind: 'coupon', resource: order.coupon, amount: 1_000, currency: 'CNY' },
      { kind: 'points', resource: order.payOrderId, amount: 700, currency: 'PTS' },
    ]);
    const { subsidy } = await world.one<{ subsidy: number }>(
      `SELECT sum(e.amount)::bigint AS subsidy FROM core.entry e JOIN core.posting p ON p.id = e.posting_id
        WHERE p.pay_order_id = $1 AND e.account_id = 'subsidy:CNY'`,
      [order.payOrderId],
    );
    expect(subsidy).toBe(1_700);
  });

  test('two attempts with one coupon: the second waits until the first has given it back, and deducts it anew', async () => {
    const { channel, marketing } = world.outside;
    const order = await ordered();
    channel.onInit = 'refused';
    marketing.beforeAnswer = (call) => {
      if (call === 'rollback') marketing.loseReplies = 1;
      return Promise.resolve();
    };
    const first = await press(order.payOrderId);
    await world.ctx.background.idle();
    expect(first).toMatchObject({ value: { state: 'P6' } });
    expect(await deductionsOf(order.payOrderId)).toEqual(['coupon ROLLBACK_PENDING', 'points ROLLBACK_PENDING']);

    channel.onInit = 'open';
    const second = await press(order.payOrderId);
    expect(second).toMatchObject({ value: { state: 'P1' } });
    marketing.beforeAnswer = () => Promise.resolve();
    await world.later(30);
    for (const id of ['rollback-pending', 'p1']) await world.repair(id);
    if (!second.ok) throw new Error(second.detail);
    channel.pay(second.value.paymentId);
    await settle(2);
    expect(await world.state('payment', second.value.paymentId)).toBe('P8');
    expect(await standing(order)).toEqual(SPENT);
    expect(await deductionsOf(order.payOrderId)).toEqual([
      'coupon ROLLED_BACK',
      'points ROLLED_BACK',
      'coupon DEDUCTED',
      'points DEDUCTED',
    ]);
    expect(marketing.mostEffects).toBe(1);
  });

  test('one deducted, one refused: the attempt fails, and what was deducted is rolled back', async () => {
    const { marketing } = world.outside;
    const order = await ordered();
    marketing.beforeAnswer = () => {
      marketing.onDeduct = 'refused';
      return Promise.resolve();
    };
    expect(await press(order.payOrderId)).toMatchObject({ value: { state: 'P3' } });
    await world.ctx.background.idle();
    const said = (await deductionsOf(order.payOrderId)).map((one) => one.split(' ')[1]).sort();
    expect(said).toEqual(['REFUSED', 'ROLLED_BACK']);
    expect([...marketing.deductions.values()].map(({ state }) => state).sort()).toEqual(['refused', 'rolled_back']);
    // The order waits on with its coupon and points, for another attempt or its deadline.
    expect(await standing(order)).toEqual(HELD);
    marketing.beforeAnswer = () => Promise.resolve();
    marketing.onDeduct = 'deducted';
    await world.paid(order.payOrderId);
    expect(await standing(order)).toEqual(SPENT);
  });

  test('an order that nobody pays gives both back, once', async () => {
    const order = await ordered();
    await press(order.payOrderId);
    await world.later(16 * 60);
    await settle(3);
    expect(await world.state('orders', order.orderId)).toBe('O4');
    expect(await standing(order)).toEqual(FREE);
    expect(await deductionsOf(order.payOrderId)).toEqual(['coupon ROLLED_BACK', 'points ROLLED_BACK']);
  });
});

describe('a process that dies', () => {
  /** Dies after the outside has done its work, before its answer is written down: at the nth call of a kind. */
  function dieAt(call: string, nth: number): void {
    let seen = 0;
    const die = (made: string): Promise<void> => {
      if (made !== call) return Promise.resolve();
      seen += 1;
      return seen === nth ? Promise.reject(new Error('the process dies here')) : Promise.resolve();
    };
    world.outside.marketing.beforeAnswer = die;
    world.outside.channel.beforeAnswer = die;
  }

  test.each([
    ['after the coupon was deducted', 'deduct', 1],
    ['after the points were deducted', 'deduct', 2],
    ['after the channel was asked', 'init', 1],
  ])('%s: the repairs finish the payment, and nothing happened twice', async (_when, call, nth) => {
    const { marketing, channel } = world.outside;
    const order = await ordered();
    dieAt(call, nth);
    await expect(press(order.payOrderId)).rejects.toThrow('dies here');
    await settle(1);
    const { id } = await world.one<{ id: string }>('SELECT id FROM core.payment WHERE pay_order_id = $1', [
      order.payOrderId,
    ]);
    expect(await world.state('payment', id)).toBe('P7');
    channel.pay(id);
    dieAt('query', 1);
    await settle(3);
    expect(await world.state('payment', id)).toBe('P8');
    expect(await standing(order)).toEqual(SPENT);
    expect(marketing.mostEffects).toBe(1);
    expect(channel.mostEffects).toBe(1);
  });

  test.each([1, 2])('after rollback %i of two: the repairs give both back', async (nth) => {
    const { marketing, channel } = world.outside;
    const order = await ordered();
    channel.onInit = 'refused';
    dieAt('rollback', nth);
    await press(order.payOrderId);
    await world.ctx.background.idle();
    await world.later(16 * 60);
    await settle(3);
    expect(await deductionsOf(order.payOrderId)).toEqual(['coupon ROLLED_BACK', 'points ROLLED_BACK']);
    expect(await world.state('orders', order.orderId)).toBe('O4');
    expect(await standing(order)).toEqual(FREE);
    expect(marketing.mostEffects).toBe(1);
  });

  test('right after the order was placed: its deadline gives both back', async () => {
    const order = await ordered();
    await world.later(16 * 60);
    await settle(1);
    expect(await standing(order)).toEqual(FREE);
  });
});

describe('a refund', () => {
  interface Part {
    readonly cash: number;
    readonly subsidy: number;
  }

  /** Opens a refund of one piece of the only line, with its shares. */
  async function refundPiece({ payOrderId, orderId }: Ordered, { cash, subsidy }: Part): Promise<string> {
    const capture = await world.one<{ id: string }>('SELECT id FROM core.capture WHERE pay_order_id = $1', [
      payOrderId,
    ]);
    const lines = [{ lineNo: 1, quantity: 1, cash, subsidy, dropped: 1 }];
    const id = await world.ctx.db.tx(async (tx) => {
      await lockPayOrder(tx, payOrderId);
      return openRefund(tx, world.ctx, {
        payOrderId,
        orderId,
        captureId: capture.id,
        channel: 'sandbox',
        currency: 'CNY',
        amount: cash,
        subsidy,
        cause: 'fulfilment_failed',
        reason: 'a test',
        lines,
      });
    });
    await world.ctx.background.idle();
    await settle(3);
    expect(await world.state('refund', id)).toBe('R10');
    return id;
  }

  function thirds(order: { cash: number }): Part[] {
    const [cash, subsidy] = [allocate(order.cash, [1, 1, 1]), allocate(1_700, [1, 1, 1])];
    return cash.map((one, i) => ({ cash: one, subsidy: subsidy[i] ?? 0 }));
  }

  test('in three parts returns the points exactly, and the coupon with the last', async () => {
    const order = await ordered(3);
    await world.paid(order.payOrderId);
    const [one, two, three] = thirds({ cash: 3 * 7_900 - 1_700 });
    if (one === undefined || two === undefined || three === undefined) throw new Error('three parts');
    await refundPiece(order, one);
    expect(await standing(order)).toEqual({ coupon: 'used', available: 4_533, locked: 0, balance: 4_533 });
    expect(await deductionsOf(order.payOrderId)).toEqual(['coupon DEDUCTED', 'points DEDUCTED']);
    await refundPiece(order, two);
    expect(await standing(order)).toEqual({ coupon: 'used', available: 4_766, locked: 0, balance: 4_766 });
    await refundPiece(order, three);
    expect(await standing(order)).toEqual(FREE);
    expect(await deductionsOf(order.payOrderId)).toEqual(['coupon ROLLED_BACK', 'points ROLLED_BACK']);
    expect(world.outside.marketing.mostEffects).toBe(1);
    const { subsidy } = await world.one<{ subsidy: number }>(
      `SELECT sum(amount)::bigint AS subsidy FROM core.entry WHERE account_id = 'subsidy:CNY'`,
    );
    expect(subsidy).toBe(0);
  });

  test('of a coupon that is over meanwhile does not bring it back, but its points, for 30 days at least', async () => {
    const order = await ordered(3);
    await world.paid(order.payOrderId);
    await world.ctx.db.query({
      text: 'UPDATE core.coupon SET valid_until = $2 WHERE code = $1',
      values: [order.coupon, addMs(world.clock.now(), 1_000)],
    });
    await world.ctx.db.query({ text: 'UPDATE core.points_hold SET expires_at = $1', values: [world.clock.now()] });
    for (const part of thirds({ cash: 3 * 7_900 - 1_700 })) await refundPiece(order, part);
    expect(await standing(order)).toMatchObject({ coupon: 'void', available: 5_000 });
    const { lasts } = await world.one<{ lasts: boolean }>(
      `SELECT bool_and(expires_at >= created_at + interval '30 days') AS lasts FROM core.points_lot WHERE source = 'returned'`,
    );
    expect(lasts).toBe(true);
  });

  test('takes back what the order earned; what is spent already is withheld from the cash, never below 0', async () => {
    const order = await ordered(3);
    await world.paid(order.payOrderId);
    await world.ctx.db.tx((tx) => earnPoints(tx, world.ctx, order.orderId));
    // 220.00 of cash earned 220 points. All that the shopper has goes into another order.
    expect(await standing(order)).toMatchObject({ available: 4_520 });
    await placed(world.ctx, [world.sku], { points: 4_520 });
    const [one, two, three] = thirds({ cash: 3 * 7_900 - 1_700 });
    if (one === undefined || two === undefined || three === undefined) throw new Error('three parts');
    const ids = [await refundPiece(order, one), await refundPiece(order, two), await refundPiece(order, three)];
    const rows = await world.ctx.db.query<{ amount: number; withheld: number; clawed: number; missing: number }>({
      text: `SELECT r.amount, r.withheld, m.clawed_points AS clawed, m.missing_points AS missing
        FROM core.refund r JOIN core.marketing_return m ON m.refund_id = r.id WHERE r.id = ANY($1) ORDER BY array_position($1, r.id)`,
      values: [ids],
    });
    // The first part finds nothing; it brings 233 spent points back, of which the others are clawed.
    expect(rows.map(({ clawed, missing }) => [clawed, missing])).toEqual([
      [0, 74],
      [73, 0],
      [73, 0],
    ]);
    expect(rows.map((row) => row.withheld)).toEqual(rows.map((row) => row.missing));
    expect(rows.reduce((sum, row) => sum + row.amount + row.withheld, 0)).toBe(3 * 7_900 - 1_700);
    expect(rows.every((row) => row.amount >= 0)).toBe(true);
    expect(await world.state('orders', order.orderId)).toBe('O3');
  });

  test('that is withdrawn gives back what it had clawed, and claws it again when it is owed again', async () => {
    const order = await ordered(3);
    await world.paid(order.payOrderId);
    await world.ctx.db.tx((tx) => earnPoints(tx, world.ctx, order.orderId));
    const refund = { id: 'ref_planted', payOrderId: order.payOrderId, orderId: order.orderId };
    const claw = () => world.ctx.db.tx((tx) => clawBack(tx, world.ctx, { ...refund, cash: 10_000, currency: 'CNY' }));
    for (let round = 0; round < 3; round += 1) {
      expect(await claw()).toEqual({ clawed: 100, missing: 0, withheld: 0 });
      expect(await claw()).toEqual({ clawed: 100, missing: 0, withheld: 0 });
      expect(await standing(order)).toMatchObject({ available: 4_420, balance: 4_420 });
      for (let i = 0; i < 2; i += 1) await world.ctx.db.tx((tx) => undoClawBack(tx, world.ctx, refund));
      expect(await standing(order)).toMatchObject({ available: 4_520, balance: 4_520 });
    }
  });
});
