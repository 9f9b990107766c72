import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addMs, VirtualClock } from '../../core/kernel/clock.ts';
import { grantCoupon } from '../../core/marketing/coupons.ts';
import { DEFAULT_BATCHING, ShelfBatcher } from '../../core/stock/batcher.ts';
import { BatchedStock, confirmEarly } from '../../core/stock/hot.ts';
import type { Claim } from '../../core/stock/pieces.ts';
import { readSkuStock, release, releaseExpired, reserve } from '../../core/stock/stock.ts';
import { skusOnShelf } from '../support/catalogue.ts';
import { type TestCore, testCore } from '../support/core.ts';
import { silent } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { place, placed } from '../support/orders.ts';

const clock = new VirtualClock(new Date('2026-11-11T00:00:00Z'));
let core: TestCore;
let other: TestCore;
beforeAll(async () => {
  core = await testCore({ clock, poolSize: 24 });
  other = await testCore({ clock, database: core.database });
});
afterAll(async () => {
  await other[Symbol.asyncDispose]();
  await core[Symbol.asyncDispose]();
});

let orders = 0;
const newOrder = (): string => `hot-order-${++orders}`;

async function skuWith(stock: number): Promise<number> {
  const [sku = 0] = await skusOnShelf(core.ctx, { skus: [{ stock }] });
  return sku;
}

const claim = (skuId: number, quantity = 1): Claim => ({ skuId, quantity, warehouseId: 1, deductAt: 'reserve' });

/** On hand, reserved, sold; and the reservations agree. */
async function pieces(sku: number): Promise<number[]> {
  const read = await readSkuStock(core.ctx.db, sku);
  if (!read.ok) throw new Error(read.detail);
  const { onHand, reserved, sold } = read.value.stock;
  const [held] = await core.ctx.db.query<{ held: number }>({
    text: `SELECT coalesce(sum(quantity), 0)::bigint AS held FROM core.reservation WHERE sku_id = $1 AND state = 'held'`,
    values: [sku],
  });
  expect(held?.held).toBe(reserved);
  return [onHand, reserved, sold];
}

function batcherOf(sku: number, limits = DEFAULT_BATCHING): ShelfBatcher {
  return new ShelfBatcher({ db: core.ctx.db, clock }, { skuId: sku, warehouseId: 1 }, limits);
}

const wants = (orderId: string, quantity = 1) => ({ orderId, quantity, forGood: false });

/** Every counted SKU is hot. */
async function whileHot<T>(work: () => Promise<T>): Promise<T> {
  for (const { guard } of [core, other]) guard.off.add('stock.direct');
  try {
    return await work();
  } finally {
    for (const { guard } of [core, other]) guard.off.delete('stock.direct');
  }
}

describe('5,000 buyers of a SKU with 1,000 pieces', () => {
  test('get exactly 1,000 through the batchers of two processes, all at once', async () => {
    const sku = await skuWith(1_000);
    const [one, two] = [batcherOf(sku), batcherOf(sku)];
    const ends = await Promise.all(
      Array.from({ length: 5_000 }, (_, i) => (i % 2 === 0 ? one : two).reserve(wants(newOrder()))),
    );
    expect(ends.filter((end) => end.kind === 'held')).toHaveLength(1_000);
    expect(ends.filter((end) => end.kind === 'lacks')).toHaveLength(4_000);
    expect(await pieces(sku)).toEqual([0, 1_000, 0]);
  });

  test('get exactly 1,000 by the plain conditional update', async () => {
    const sku = await skuWith(1_000);
    let left = 5_000;
    let got = 0;
    const buyer = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        const lacks = await core.ctx.db.tx((tx) => reserve(tx, newOrder(), [claim(sku)], addMs(clock.now(), 60_000)));
        if (lacks.length === 0) got += 1;
      }
    };
    await Promise.all(Array.from({ length: 200 }, buyer));
    expect(got).toBe(1_000);
    expect(await pieces(sku)).toEqual([0, 1_000, 0]);
  });

  test('as whole orders of two processes, while others buy it plainly: exactly what there is', async () => {
    const sku = await skuWith(60);
    const results = await whileHot(() =>
      Promise.all([
        ...Array.from({ length: 200 }, (_, i) => place((i % 2 === 0 ? core : other).ctx, [sku])),
        ...Array.from({ length: 30 }, async () => {
          const order = newOrder();
          const lacks = await core.ctx.db.tx((tx) => reserve(tx, order, [claim(sku)], addMs(clock.now(), 60_000)));
          return { ok: lacks.length === 0 };
        }),
      ]),
    );
    await Promise.all([core.ctx.background.idle(), other.ctx.background.idle()]);
    const sold = results.filter((result) => result.ok).length;
    expect(await pieces(sku)).toEqual([60 - sold, sold, 0]);
    expect(sold).toBe(60);
    const [row] = await core.ctx.db.query({
      text: `SELECT count(*) AS orphans FROM core.reservation r WHERE sku_id = $1 AND state = 'held' AND order_id NOT LIKE 'hot%'
        AND NOT EXISTS (SELECT FROM core.orders o WHERE o.id = r.order_id)`,
      values: [sku],
    });
    expect(row).toEqual({ orphans: 0 });
  });
});

describe('a batch', () => {
  test('accepts the longest prefix that fits, refuses the first that does not, and looks at the others again', async () => {
    const sku = await skuWith(10);
    const batcher = batcherOf(sku);
    const ends = await Promise.all([6, 6, 4, 1].map((quantity) => batcher.reserve(wants(newOrder(), quantity))));
    expect(ends).toEqual([
      { kind: 'held' },
      { kind: 'lacks', available: 4 },
      { kind: 'held' },
      { kind: 'lacks', available: 0 },
    ]);
    expect(await pieces(sku)).toEqual([0, 10, 0]);
  });

  test('with an insert that fails falls back to singles: only that one fails', async () => {
    const sku = await skuWith(100);
    const batcher = batcherOf(sku);
    const ends = await Promise.allSettled(
      Array.from({ length: 40 }, (_, i) => batcher.reserve(wants(newOrder(), i === 17 ? 0 : 2))),
    );
    expect(ends.map((end) => end.status).filter((status) => status === 'rejected')).toHaveLength(1);
    expect(ends[17]).toMatchObject({ status: 'rejected', reason: { constraint: 'reservation_some' } });
    expect(await pieces(sku)).toEqual([22, 78, 0]);
  });

  test('lets only so many wait, and nobody for too long: they reserve nothing', async () => {
    const sku = await skuWith(100);
    const few = batcherOf(sku, { ...DEFAULT_BATCHING, waiting: 3 });
    const ends = await Promise.all(Array.from({ length: 5 }, () => few.reserve(wants(newOrder()))));
    expect(ends.map((end) => end.kind).sort()).toEqual(['busy', 'busy', 'held', 'held', 'held']);
    const late = batcherOf(sku, { ...DEFAULT_BATCHING, waitMs: 0 });
    expect(await late.reserve(wants(newOrder()))).toEqual({ kind: 'busy' });
    expect(await pieces(sku)).toEqual([97, 3, 0]);
  });

  test('of a SKU without a shelf lacks', async () => {
    expect(await batcherOf(999_999_999).reserve(wants(newOrder()))).toEqual({ kind: 'lacks', available: 0 });
  });
});

describe('an order of a hot SKU', () => {
  test('confirms its pieces: they last as long as any reservation', async () => {
    const sku = await skuWith(5);
    const created = await whileHot(() => placed(core.ctx, [{ skuId: sku, quantity: 2 }]));
    const rows = await core.ctx.db.query({
      text: 'SELECT state, expires_at, due_at FROM core.reservation WHERE order_id = $1',
      values: [created.orders[0]?.orderId],
    });
    const until = addMs(clock.now(), core.ctx.terms.reserveForMs);
    expect(rows).toEqual([{ state: 'held', expires_at: until, due_at: until }]);
  });

  test('that is refused afterwards lets its pieces go at once, and says so to the checks', async () => {
    const sku = await skuWith(5);
    const twice = { key: 'the same key', userId: 4711 };
    await whileHot(async () => {
      await placed(core.ctx, [sku], twice);
      expect(await place(core.ctx, [{ skuId: sku, quantity: 2 }], twice)).toMatchObject({
        code: 'idempotency_key_reused',
      });
      expect(await place(core.ctx, [sku], twice)).toMatchObject({ ok: true, value: { replayed: true } });
    });
    await core.ctx.background.idle();
    expect(await pieces(sku)).toEqual([4, 1, 0]);
    const told = await core.ctx.db.query({
      text: `SELECT type FROM core.event WHERE machine = 'stock' AND entity_id = $1`,
      values: [String(sku)],
    });
    expect(told.length).toBeGreaterThan(0);
  });

  test('with two orders and one coupon: one stands, the other leaves nothing behind', async () => {
    const sku = await skuWith(50);
    const coupon = await grantCoupon(
      core.ctx,
      'm',
      {
        amount: { amount: 100, currency: 'CNY' },
        threshold: { amount: 0, currency: 'CNY' },
        userId: 42,
        validUntil: addMs(clock.now(), 86_400_000),
      },
      'hot-coupon',
    );
    if (!coupon.ok) throw new Error(coupon.detail);
    const { code } = coupon.value.coupon;
    const results = await whileHot(() =>
      Promise.all(Array.from({ length: 8 }, () => place(core.ctx, [sku], { couponCode: code }))),
    );
    await core.ctx.background.idle();
    expect(results.filter((r) => r.ok)).toHaveLength(1);
    expect(await pieces(sku)).toEqual([49, 1, 0]);
  });

  test('whose process dies in between gives them back when the minute is over', async () => {
    const sku = await skuWith(5);
    await whileHot(async () => {
      const early = await core.ctx.hotStock.reserve([{ orderId: newOrder(), claims: [claim(sku, 3)] }]);
      expect(early.ok).toBe(true);
    });
    expect(await pieces(sku)).toEqual([2, 3, 0]);
    clock.advance(61_000);
    while ((await core.ctx.db.tx((tx) => releaseExpired(tx, clock.now(), 1000))).orders > 0);
    expect(await pieces(sku)).toEqual([5, 0, 0]);
  });

  test('whose pieces ran out before it was written reserves them anew, or is refused', async () => {
    const sku = await skuWith(3);
    const order = newOrder();
    const early = await whileHot(() => core.ctx.hotStock.reserve([{ orderId: order, claims: [claim(sku, 2)] }]));
    if (!early.ok) throw new Error(early.detail);
    const until = addMs(clock.now(), 60_000);
    await core.ctx.db.tx((tx) => release(tx, order));
    expect(await core.ctx.db.tx((tx) => confirmEarly(tx, order, early.value, until))).toEqual([]);
    expect(await pieces(sku)).toEqual([1, 2, 0]);
    await core.ctx.db.tx((tx) => release(tx, order));
    await core.ctx.db.tx((tx) => reserve(tx, newOrder(), [claim(sku, 2)], until));
    expect(await core.ctx.db.tx((tx) => confirmEarly(tx, order, early.value, until))).toEqual([
      { skuId: sku, wanted: 2, available: 1 },
    ]);
  });

  test('with another hot SKU that lacks lets both go', async () => {
    const [a, b] = [await skuWith(5), await skuWith(1)];
    await whileHot(async () => {
      const order = [{ orderId: newOrder(), claims: [claim(a), claim(b, 2)] }];
      expect(await core.ctx.hotStock.reserve(order)).toMatchObject({ code: 'sold_out' });
    });
    await core.ctx.background.idle();
    expect([await pieces(a), await pieces(b)]).toEqual([
      [5, 0, 0],
      [1, 0, 0],
    ]);
  });

  test('deducted at order is held for good once confirmed, and a minute before', async () => {
    const sku = await skuWith(5);
    const order = newOrder();
    const claims = [{ ...claim(sku), deductAt: 'order' as const }];
    const early = await whileHot(() => core.ctx.hotStock.reserve([{ orderId: order, claims }]));
    if (!early.ok) throw new Error(early.detail);
    const row = () =>
      core.ctx.db.query({
        text: 'SELECT expires_at, due_at FROM core.reservation WHERE order_id = $1',
        values: [order],
      });
    expect(await row()).toEqual([{ expires_at: null, due_at: addMs(clock.now(), 60_000) }]);
    await core.ctx.db.tx((tx) => confirmEarly(tx, order, early.value, addMs(clock.now(), 1_000)));
    expect(await row()).toEqual([{ expires_at: null, due_at: null }]);
  });
});

describe('heat', () => {
  test('is seen from lock waits of orders, and the next ones go through the batcher', async () => {
    const sku = await skuWith(100);
    let letThrough = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      letThrough = resolve;
    });
    let locked = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      locked = resolve;
    });
    const holder = core.ctx.db.tx(async (tx) => {
      await tx.query({ text: 'SELECT FROM core.stock WHERE sku_id = $1 FOR UPDATE', values: [sku] });
      locked();
      await gate;
    });
    // Who comes before the lock is held waits for nothing.
    await held;
    const waiting = Array.from({ length: 12 }, () => place(core.ctx, [sku]));
    await eventually(async () => {
      const [row] = await core.ctx.db.query<{ n: number }>({
        text: `SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
      });
      expect(row?.n).toBeGreaterThanOrEqual(12);
    }).finally(letThrough);
    await holder;
    expect((await Promise.all(waiting)).every((result) => result.ok)).toBe(true);
    expect(core.ctx.hotStock.hot).toBe(1);
    expect(other.ctx.hotStock.hot).toBe(0);
    const early = await core.ctx.hotStock.reserve([{ orderId: newOrder(), claims: [claim(sku)] }]);
    expect(early.ok && early.value.held.size).toBe(1);
    core.guard.off.add('stock.hot');
    const plain = await core.ctx.hotStock.reserve([{ orderId: newOrder(), claims: [claim(sku)] }]);
    core.guard.off.delete('stock.hot');
    expect(plain.ok && plain.value.held.size).toBe(0);
  });

  test('takes several long waits within a second, and is over when nothing is crowded any more', () => {
    const limits = { slowWaitMs: 5, hotWaits: 3, windowMs: 60_000, busyBatch: 3 };
    const kit = { db: core.ctx.db, clock, guard: core.guard, log: silent, background: core.ctx.background };
    const lasting = new BatchedStock(kit, DEFAULT_BATCHING, { ...limits, coolDownMs: 60_000 });
    const shelf = { skuId: 1, warehouseId: 1 };
    for (const ms of [1, 6, 2, 6]) lasting.noteWait(shelf, ms);
    expect(lasting.hot).toBe(0);
    lasting.noteWait(shelf, 6);
    expect(lasting.hot).toBe(1);
    const brief = new BatchedStock(kit, DEFAULT_BATCHING, { ...limits, coolDownMs: -1 });
    for (const ms of [6, 6, 6]) brief.noteWait(shelf, ms);
    expect(brief.hot).toBe(0);
  });
});
