import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/kernel/clock.ts';
import { importCodes, takeCodes, voidCodes } from '../../core/stock/codes.ts';
import { restock } from '../../core/stock/restock.ts';
import { putBack, readSkuStock, reserve, take } from '../../core/stock/stock.ts';
import { skusOnShelf, VIRTUAL } from '../support/catalogue.ts';
import { type TestCore, testCore } from '../support/core.ts';

let core: TestCore;
beforeAll(async () => {
  core = await testCore({ poolSize: 16 });
});
afterAll(() => core[Symbol.asyncDispose]());

const now = systemClock.now();
let orders = 0;

async function pool(codes: number): Promise<number> {
  const [sku = 0] = await skusOnShelf(core.ctx, { categoryId: VIRTUAL, skus: [{ codes: true }] });
  const names = Array.from({ length: codes }, (_, i) => `CODE-${sku}-${i}`);
  if (codes > 0) await importCodes(core.ctx, 'a merchant', { skuId: sku, codes: names }, 'first');
  return sku;
}

/** An order that has paid for so many codes. */
async function paidFor(skuId: number, quantity: number): Promise<string> {
  const order = `codes-order-${++orders}`;
  await core.ctx.db.tx(async (tx) => {
    const claim = { skuId, quantity, warehouseId: 1, deductAt: 'reserve' } as const;
    expect(await reserve(tx, order, [claim], now)).toEqual([]);
    await take(tx, order);
  });
  return order;
}

const deliver = (order: string, skuId: number, pieces = 100) =>
  core.ctx.db.tx((tx) => takeCodes(tx, order, [{ skuId, pieces }], now));

async function free(skuId: number): Promise<number> {
  const [row] = await core.ctx.db.query<{ n: number }>({
    text: `SELECT count(*) AS n FROM core.stock_code WHERE sku_id = $1 AND state = 'free'`,
    values: [skuId],
  });
  return row?.n ?? -1;
}

async function stock(skuId: number): Promise<unknown> {
  const read = await readSkuStock(core.ctx.db, skuId);
  return read.ok ? Object.values(read.value.stock) : read.code;
}

describe('importing codes', () => {
  test('adds each once, a replay adds nothing, another body under the key is refused', async () => {
    const sku = await pool(0);
    const batch = { skuId: sku, codes: ['A', 'B', 'A', 'C'] };
    expect(await importCodes(core.ctx, 'm', batch, 'k')).toMatchObject({
      value: { added: 3, known: 1, replayed: false },
    });
    expect(await importCodes(core.ctx, 'm', batch, 'k')).toMatchObject({ value: { added: 3, replayed: true } });
    expect(await importCodes(core.ctx, 'm', { skuId: sku, codes: ['X'] }, 'k')).toMatchObject({
      code: 'idempotency_key_reused',
    });
    expect(await importCodes(core.ctx, 'm', { skuId: sku, codes: ['C', 'D'] }, 'k2')).toMatchObject({
      value: { added: 1, known: 1 },
    });
    expect(await stock(sku)).toEqual([4, 0, 0]);
  });

  test('of the same codes by many at once adds each once', async () => {
    const sku = await pool(0);
    const codes = Array.from({ length: 50 }, (_, i) => `S${i}`);
    await Promise.all(Array.from({ length: 8 }, (_, i) => importCodes(core.ctx, 'm', { skuId: sku, codes }, `k${i}`)));
    expect([await free(sku), await stock(sku)]).toEqual([50, [50, 0, 0]]);
  });

  test('is refused for a SKU that is not delivered as codes, and for nobody’s', async () => {
    const [sku = 0] = await skusOnShelf(core.ctx, {});
    expect(await importCodes(core.ctx, 'm', { skuId: sku, codes: ['A'] }, 'k')).toMatchObject({ code: 'wrong_state' });
    expect(await importCodes(core.ctx, 'm', { skuId: 999_999, codes: ['A'] }, 'k')).toMatchObject({
      code: 'sku_unknown',
    });
  });

  test('leaves no code in the operation log, the movements or the events', async () => {
    const sku = await pool(3);
    await deliver(await paidFor(sku, 2), sku);
    const [row] = await core.ctx.db.query({
      text: `SELECT (SELECT count(*) FROM core.operation_log WHERE (to_jsonb(operation_log))::text LIKE '%CODE-%') AS log,
        (SELECT count(*) FROM core.stock_movement m WHERE to_jsonb(m)::text LIKE '%CODE-%') AS movements,
        (SELECT count(*) FROM core.event e WHERE to_jsonb(e)::text LIKE '%CODE-%') AS events`,
    });
    expect(row).toEqual({ log: 0, movements: 0, events: 0 });
  });
});

describe('delivering codes', () => {
  test('a code is delivered once under several drivers, and an order gets no more than it paid for', async () => {
    const sku = await pool(40);
    const all = await Promise.all(Array.from({ length: 10 }, () => paidFor(sku, 3)));
    const seen = new Set<string>();
    await Promise.all(
      all.map(async (order) => {
        const delivered = await Promise.all([deliver(order, sku), deliver(order, sku), deliver(order, sku)]);
        const codes = delivered.flatMap((lines) => lines.flatMap((line) => line.codes));
        expect(codes).toHaveLength(3);
        for (const code of codes) seen.add(code);
      }),
    );
    expect(seen.size).toBe(30);
    expect([await free(sku), await stock(sku)]).toEqual([10, [10, 0, 30]]);
  });

  test('a parcel takes the codes of its own pieces, the next one those of its', async () => {
    const sku = await pool(5);
    const order = await paidFor(sku, 3);
    const [first] = await deliver(order, sku, 1);
    expect([first?.codes.length, await free(sku)]).toEqual([1, 4]);
    const [second] = await deliver(order, sku, 2);
    expect(new Set([...(first?.codes ?? []), ...(second?.codes ?? [])]).size).toBe(3);
    expect([await deliver(order, sku, 1), await free(sku)]).toEqual([[], 2]);
  });

  test('a voided code is not replaced', async () => {
    const sku = await pool(5);
    const order = await paidFor(sku, 3);
    await deliver(order, sku, 2);
    await core.ctx.db.tx((tx) => voidCodes(tx, order, sku, 1));
    expect((await deliver(order, sku))[0]?.codes).toHaveLength(1);
    expect(await free(sku)).toBe(2);
  });

  test('the last code goes to the one who paid for it, though many deliver at once', async () => {
    const sku = await pool(12);
    const all = await Promise.all(Array.from({ length: 12 }, () => paidFor(sku, 1)));
    const codes = (await Promise.all(all.map((order) => deliver(order, sku)))).flatMap((lines) =>
      lines.flatMap((line) => line.codes),
    );
    expect(new Set(codes).size).toBe(12);
    expect(await free(sku)).toBe(0);
  });

  test('nothing for an unpaid order; and a pool that lacks what was sold is a broken invariant', async () => {
    const sku = await pool(2);
    const order = `codes-order-${++orders}`;
    const claim = { skuId: sku, quantity: 1, warehouseId: 1, deductAt: 'reserve' } as const;
    await core.ctx.db.tx((tx) => reserve(tx, order, [claim], now));
    expect(await deliver(order, sku)).toEqual([]);
    const paid = await paidFor(sku, 1);
    await core.ctx.db.query({ text: 'DELETE FROM core.stock_code WHERE sku_id = $1', values: [sku] });
    await expect(deliver(paid, sku)).rejects.toThrow('broken invariant');
  });

  test('put back before anybody saw them, they are free and can be sold again', async () => {
    const sku = await pool(2);
    const order = await paidFor(sku, 2);
    await deliver(order, sku);
    await core.ctx.db.tx((tx) => putBack(tx, order));
    expect([await free(sku), await stock(sku), await deliver(order, sku)]).toEqual([2, [2, 0, 0], []]);
    expect((await deliver(await paidFor(sku, 2), sku))[0]?.codes).toHaveLength(2);
  });

  test('voided after a refund, they are never sold again', async () => {
    const sku = await pool(2);
    const order = await paidFor(sku, 2);
    await deliver(order, sku);
    expect(await core.ctx.db.tx((tx) => voidCodes(tx, order, sku, 1))).toBe(1);
    expect(await core.ctx.db.tx((tx) => voidCodes(tx, order, sku, 5))).toBe(1);
    expect([await free(sku), await stock(sku)]).toEqual([0, [0, 0, 2]]);
  });
});

describe('restock', () => {
  const goods = (orderId: string, skuId: number, quantity: number, key: string) =>
    ({ orderId, skuId, quantity, key, actor: 'core', reason: 'goods came back', now }) as const;
  const back = (...of: Parameters<typeof goods>) => core.ctx.db.tx((tx) => restock(tx, goods(...of)));

  async function sold(quantity: number): Promise<{ sku: number; order: string }> {
    const [sku = 0] = await skusOnShelf(core.ctx, { skus: [{ stock: 10 }] });
    return { sku, order: await paidFor(sku, quantity) };
  }

  test('brings pieces back exactly once per key, however many say it', async () => {
    const { sku, order } = await sold(5);
    const said = await Promise.all(Array.from({ length: 8 }, () => back(order, sku, 2, 'refund-1:1')));
    expect(said.sort()).toEqual([0, 0, 0, 0, 0, 0, 0, 2]);
    expect(await back(order, sku, 3, 'refund-2:1')).toBe(3);
    expect(await stock(sku)).toEqual([10, 0, 0]);
  });

  test('never brings back more than was bought', async () => {
    const { sku, order } = await sold(3);
    const said = await Promise.allSettled([1, 2, 3, 4, 5].map((i) => back(order, sku, 1, `r${i}`)));
    expect(said.filter((s) => s.status === 'fulfilled')).toHaveLength(3);
    expect(await stock(sku)).toEqual([10, 0, 0]);
  });

  test('of a part, and then the rest is put back', async () => {
    const { sku, order } = await sold(5);
    await back(order, sku, 2, 'part');
    expect(await core.ctx.db.tx((tx) => putBack(tx, order))).toBe(3);
    expect(await stock(sku)).toEqual([10, 0, 0]);
  });

  test('of what is not counted brings nothing; of codes only those that nobody has', async () => {
    expect(await back('no order', 1, 1, 'x')).toBe(0);
    const sku = await pool(5);
    const order = await paidFor(sku, 3);
    expect(await back(order, sku, 1, 'c1')).toBe(1);
    expect((await deliver(order, sku))[0]?.codes).toHaveLength(2);
    expect(await back(order, sku, 1, 'c2')).toBe(0);
    expect([await free(sku), await stock(sku)]).toEqual([3, [3, 0, 2]]);
  });
});
