import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../core/kernel/clock.ts';
import { foldSold } from '../../core/stock/fold.ts';
import { restock } from '../../core/stock/restock.ts';
import { putBack, reserve, take } from '../../core/stock/stock.ts';
import stockConservation from '../../reconcile/checks/stock-conservation.ts';
import type { Scope } from '../../reconcile/scope.ts';
import { skusOnShelf } from '../support/catalogue.ts';
import { type TestCore, testCore } from '../support/core.ts';

let core: TestCore;
beforeAll(async () => {
  core = await testCore({ poolSize: 12 });
});
afterAll(() => core[Symbol.asyncDispose]());

const now = systemClock.now();

/** Orders that have bought two pieces each. */
async function sell(skuId: number, orders: readonly string[]): Promise<void> {
  for (const order of orders) {
    await core.ctx.db.tx(async (tx) => {
      await reserve(tx, order, [{ skuId, quantity: 2, warehouseId: 1, deductAt: 'reserve' }], now);
      await take(tx, order);
    });
  }
}

async function holds(skuId: number): Promise<void> {
  const scopes: Scope[] = [
    { kind: 'all', now },
    { kind: 'keys', keys: [String(skuId)], now },
  ];
  for (const scope of scopes)
    expect(await stockConservation.violations(core.ctx.db, scope)).toEqual({ violations: [], count: 0 });
}

async function folded(skuId: number): Promise<{ pieces: number; unread: number }> {
  const [row] = await core.ctx.db.query<{ pieces: number; unread: number }>({
    text: `SELECT (SELECT coalesce(sum(pieces), 0)::bigint FROM core.stock_folded WHERE sku_id = $1) AS pieces,
      (SELECT count(*) FROM core.reservation WHERE sku_id = $1 AND state = 'taken' AND NOT folded) AS unread`,
    values: [skuId],
  });
  return row ?? { pieces: -1, unread: -1 };
}

test('folds the oldest sales, keeps the newest, and the check holds before and after, in part and in whole', async () => {
  const [sku = 0] = await skusOnShelf(core.ctx, { skus: [{ stock: 100 }] });
  const orders = Array.from({ length: 20 }, (_, i) => `fold-a-${i}`);
  await sell(sku, orders);
  await holds(sku);
  expect(await foldSold(core.ctx.db, 3, 5)).toBe(3);
  await holds(sku);
  while ((await foldSold(core.ctx.db, 1000, 5)) > 0);
  expect(await folded(sku)).toEqual({ pieces: 30, unread: 5 });
  await holds(sku);
});

test('what was folded can come back, in part and in whole, also while others are folded', async () => {
  const [sku = 0] = await skusOnShelf(core.ctx, { skus: [{ stock: 100 }] });
  const orders = Array.from({ length: 20 }, (_, i) => `fold-b-${i}`);
  await sell(sku, orders);
  await foldSold(core.ctx.db, 10, 0);
  const goods = { skuId: sku, quantity: 1, actor: 'core', reason: 'came back', now };
  await Promise.all([
    ...orders
      .slice(0, 14)
      .map((orderId, i) =>
        core.ctx.db.tx((tx) => (i % 2 === 0 ? putBack(tx, orderId) : restock(tx, { ...goods, orderId, key: orderId }))),
      ),
    ...Array.from({ length: 4 }, () => core.ctx.db.tx((tx) => foldSold(tx, 4, 0))),
  ]);
  await holds(sku);
  while ((await foldSold(core.ctx.db, 1000, 0)) > 0);
  expect(await folded(sku)).toEqual({ pieces: 7 + 6 * 2, unread: 0 });
  await holds(sku);
});

test('a full audit finds a sum that is not what was folded', async () => {
  const [sku = 0] = await skusOnShelf(core.ctx, { skus: [{ stock: 100 }] });
  await sell(sku, ['fold-c']);
  await foldSold(core.ctx.db, 1000, 0);
  await core.ctx.db.query({
    text: 'UPDATE core.stock_folded SET pieces = pieces + 1 WHERE sku_id = $1',
    values: [sku],
  });
  expect(await stockConservation.violations(core.ctx.db, { kind: 'all', now })).toMatchObject({ count: 1 });
  expect(await stockConservation.violations(core.ctx.db, { kind: 'keys', keys: [String(sku)], now })).toMatchObject({
    count: 1,
  });
  await core.ctx.db.query({
    text: 'UPDATE core.stock_folded SET pieces = pieces - 1 WHERE sku_id = $1',
    values: [sku],
  });
});

test('a touched SKU costs what is unfolded, not its history', async () => {
  const [sku = 0] = await skusOnShelf(core.ctx, { skus: [{ stock: 100_000 }] });
  await core.ctx.db.query({
    text: `WITH sold AS (UPDATE core.stock SET on_hand = on_hand - 60000, sold = sold + 60000 WHERE sku_id = $1)
      INSERT INTO core.reservation (order_id, sku_id, warehouse_id, quantity, state)
      SELECT 'fold-d-' || n, $1, 1, 1, 'taken' FROM generate_series(1, 60000) n`,
    values: [sku],
  });
  while ((await foldSold(core.ctx.db, 20_000)) > 0);
  await holds(sku);
  await core.ctx.db.query({ text: 'VACUUM ANALYZE core.reservation' });
  const plan = await core.ctx.db.query<{ 'QUERY PLAN': { Plan: { 'Actual Rows': number } }[] }>({
    text: `EXPLAIN (ANALYZE, FORMAT JSON) SELECT quantity FROM core.reservation
      WHERE state IN ('held', 'taken') AND NOT folded AND sku_id = $1`,
    values: [sku],
  });
  expect(plan[0]?.['QUERY PLAN'][0]?.Plan['Actual Rows']).toBe(5_000);
});
