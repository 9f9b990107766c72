import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSellable } from '../../core/catalog/catalog.store.ts';
import { setPrice } from '../../core/catalog/catalog.ts';
import { priceRoutes } from '../../core/catalog/prices/prices.routes.ts';
import { addPrice, endPrice, MAX_LIVE_PRICES, type PriceWish } from '../../core/catalog/prices/prices.ts';
import { VirtualClock } from '../../core/kernel/clock.ts';
import { money } from '../../core/kernel/money.ts';
import { skusOnShelf } from '../support/catalogue.ts';
import { type CoreClient, type TestCore, testCore } from '../support/core.ts';
import { placed } from '../support/orders.ts';

const clock = new VirtualClock(new Date('2030-11-10T00:00:00Z'));
const HOUR = 3_600_000;
let core: TestCore;
let http: CoreClient;
let keys = 0;
beforeAll(async () => {
  core = await testCore({ clock });
  http = await core.http([priceRoutes(core.ctx)]);
});
afterAll(() => core[Symbol.asyncDispose]());

const later = (hours: number): Date => new Date(clock.now().getTime() + hours * HOUR);
const cny = (amount: number) => money(amount, 'CNY');

async function sku(): Promise<number> {
  const [skuId = 0] = await skusOnShelf(core.ctx, { name: `Priced ${++keys}`, skus: [{ price: '79.00' }] });
  return skuId;
}

async function give(skuId: number, wish: PriceWish, key = `price-${++keys}`) {
  return addPrice(core.ctx, 'a merchant', skuId, wish, key);
}

async function given(skuId: number, wish: PriceWish): Promise<number> {
  const added = await give(skuId, wish);
  if (!added.ok) throw new Error(added.detail);
  return added.value.row.id;
}

async function priceAt(skuId: number, at: Date): Promise<number | undefined> {
  return (await readSellable(core.ctx.db, [skuId], at))[0]?.price;
}

describe('the price in effect', () => {
  it('begins with its first moment and ends before its last', async () => {
    const skuId = await sku();
    const [from, to] = [later(1), later(2)];
    await given(skuId, { type: 'flash', price: cny(5_900), from, to });
    const at = (base: Date, ms: number) => priceAt(skuId, new Date(base.getTime() + ms));
    expect([await at(from, -1), await at(from, 0), await at(to, -1), await at(to, 0)]).toEqual([
      7_900, 5_900, 5_900, 7_900,
    ]);
  });

  it('is flash before promotion before standard, then the one that began last', async () => {
    const skuId = await sku();
    await given(skuId, { type: 'standard', price: cny(7_000), from: later(1) });
    await given(skuId, { type: 'standard', price: cny(7_500), from: later(5) });
    await given(skuId, { type: 'promotion', price: cny(8_000), from: later(2), to: later(4) });
    await given(skuId, { type: 'flash', price: cny(9_000), from: later(3), to: later(3.5) });
    const seen = [];
    for (const hour of [0, 1, 2, 3, 3.5, 4, 5]) seen.push(await priceAt(skuId, later(hour)));
    expect(seen).toEqual([7_900, 7_000, 8_000, 9_000, 8_000, 7_000, 7_500]);
  });

  it('answers many SKUs at once, each with its own price, its snapshot and its shop', async () => {
    const [one, two] = [await sku(), await sku()];
    await given(two, { type: 'promotion', price: cny(100), to: later(1) });
    const rows = await readSellable(core.ctx.db, [one, two], clock.now());
    expect(new Map(rows.map((row) => [row.sku_id, [row.price, row.shop_id]]))).toEqual(
      new Map([
        [one, [7_900, 1]],
        [two, [100, 1]],
      ]),
    );
    const [content] = await core.ctx.db.query({
      text: 'SELECT content FROM core.snapshot WHERE id = $1',
      values: [rows.find((row) => row.sku_id === two)?.snapshot_id],
    });
    expect(content).toMatchObject({ content: { price: 100, currency: 'CNY' } });
  });

  it('is what an order pays, and its line keeps the snapshot that says so', async () => {
    const skuId = await sku();
    await given(skuId, { type: 'flash', price: cny(5_900), to: later(1) });
    const { orders } = await placed(core.ctx, [skuId], { userId: 7 });
    const lines = await core.ctx.db.query({
      text: `SELECT l.unit_price, s.content->'price' AS shown FROM core.order_line l JOIN core.snapshot s ON s.id = l.snapshot_id
        WHERE l.order_id = $1`,
      values: [orders[0]?.orderId],
    });
    expect(lines).toEqual([{ unit_price: 5_900, shown: 5_900 }]);
  });

  it('has ended when an order comes too late: who saw it is told, who saw nothing pays the price of now', async () => {
    const skuId = await sku();
    const priceId = await given(skuId, { type: 'flash', price: cny(5_900), to: later(1) });
    await endPrice(core.ctx, 'a merchant', skuId, priceId);
    const seen = { skuId, quantity: 1, expectedPrice: cny(5_900) };
    await expect(placed(core.ctx, [seen], { userId: 8 })).rejects.toThrow('price_changed');
    expect(await placed(core.ctx, [skuId], { userId: 8 })).toMatchObject({ payable: { amount: 7_900 } });
  });

  it('of a dated standard price gives way to a standing one set later; a promotion does not', async () => {
    const skuId = await sku();
    await given(skuId, { type: 'standard', price: cny(7_000) });
    expect(await priceAt(skuId, clock.now())).toBe(7_000);
    expect(await setPrice(core.ctx, 'a merchant', skuId, { price: cny(7_700) })).toMatchObject({
      value: { price: { amount: 7_700 }, priceType: 'standard' },
    });
    await given(skuId, { type: 'promotion', price: cny(6_000), to: later(1) });
    expect(await setPrice(core.ctx, 'a merchant', skuId, { price: cny(7_800) })).toMatchObject({
      value: {
        price: { amount: 6_000 },
        standardPrice: { amount: 7_800 },
        priceType: 'promotion',
        priceChangesAt: later(1),
      },
    });
  });
});

describe('a price with a time', () => {
  it.each([
    ['another currency', { type: 'flash', price: money(1, 'EUR'), to: later(1) }, 'currency_mismatch'],
    ['nothing', { type: 'flash', price: cny(0), to: later(1) }, 'amount_invalid'],
    ['a flash price without end', { type: 'flash', price: cny(1) }, 'invalid_request'],
    ['an end before the beginning', { type: 'flash', price: cny(1), from: later(2), to: later(2) }, 'invalid_request'],
    ['a beginning in the past', { type: 'flash', price: cny(1), from: later(-1), to: later(2) }, 'invalid_request'],
  ] as const)('refuses %s', async (_what, wish, code) => {
    expect(await give(await sku(), wish)).toMatchObject({ ok: false, code });
  });

  it('refuses an unknown SKU and an unknown price', async () => {
    const wish = { type: 'flash', price: cny(1), to: later(1) } as const;
    expect(await give(999_999_999, wish)).toMatchObject({ code: 'sku_unknown' });
    expect(await endPrice(core.ctx, 'a merchant', await sku(), 999_999)).toMatchObject({ code: 'price_unknown' });
  });

  it('refuses one that overlaps another of its type, and takes one that touches it', async () => {
    const skuId = await sku();
    const flash = (from: number, to: number) =>
      give(skuId, { type: 'flash', price: cny(1), from: later(from), to: later(to) });
    expect((await flash(2, 4)).ok).toBe(true);
    for (const [from, to] of [
      [1, 3],
      [3, 5],
      [2.5, 3],
      [1, 5],
    ] as const) {
      expect(await flash(from, to)).toMatchObject({ code: 'price_overlap' });
    }
    expect([(await flash(1, 2)).ok, (await flash(4, 5)).ok]).toEqual([true, true]);
    const standard = { type: 'standard', price: cny(1), from: later(9) } as const;
    expect([(await give(skuId, standard)).ok, await give(skuId, standard)]).toMatchObject([
      true,
      { code: 'price_overlap' },
    ]);
  });

  it('of two at once that overlap is taken once', async () => {
    const skuId = await sku();
    const wish = { type: 'promotion', price: cny(1), to: later(1) } as const;
    const answers = await Promise.all(Array.from({ length: 6 }, () => give(skuId, wish)));
    expect(answers.filter((answer) => answer.ok)).toHaveLength(1);
  });

  it('sent twice, and twice at once, is made once; another one under its key is refused', async () => {
    const skuId = await sku();
    const wish = { type: 'promotion', price: cny(1), to: later(1) } as const;
    const answers = await Promise.all(Array.from({ length: 4 }, () => give(skuId, wish, 'the same')));
    expect(new Set(answers.map((answer) => answer.ok && answer.value.row.id)).size).toBe(1);
    expect(answers.filter((answer) => answer.ok && !answer.value.replayed)).toHaveLength(1);
    expect(await give(skuId, { ...wish, price: cny(2) }, 'the same')).toMatchObject({ code: 'idempotency_key_reused' });
  });

  it('that has not begun never does once it is ended, and its time is free again', async () => {
    const skuId = await sku();
    const wish = { type: 'flash', price: cny(1), from: later(1), to: later(2) } as const;
    const priceId = await given(skuId, wish);
    const ended = await endPrice(core.ctx, 'a merchant', skuId, priceId);
    expect(await endPrice(core.ctx, 'a merchant', skuId, priceId)).toEqual(ended);
    expect(await priceAt(skuId, later(1.5))).toBe(7_900);
    expect((await give(skuId, wish)).ok).toBe(true);
  });

  it('is one of a bounded number', async () => {
    const skuId = await sku();
    for (let i = 0; i < MAX_LIVE_PRICES; i += 1) {
      await given(skuId, { type: 'flash', price: cny(1), from: later(i), to: later(i + 1) });
    }
    const more = { type: 'flash', price: cny(1), from: later(1_000), to: later(1_001) } as const;
    expect(await give(skuId, more)).toMatchObject({ code: 'too_many_prices' });
  });

  it('is written down with who did it', async () => {
    const skuId = await sku();
    const priceId = await given(skuId, { type: 'flash', price: cny(5_900), to: later(1) });
    await endPrice(core.ctx, 'a merchant', skuId, priceId);
    const log = await core.ctx.db.query({
      text: `SELECT operation, actor, after->>'amount' AS amount FROM core.operation_log WHERE entity_type = 'sku' AND entity_id = $1 ORDER BY id`,
      values: [String(skuId)],
    });
    expect(log).toEqual([
      { operation: 'price.add', actor: 'a merchant', amount: '5900' },
      { operation: 'price.end', actor: 'a merchant', amount: '5900' },
    ]);
  });
});

it('comes, is listed and ends over HTTP', async () => {
  const skuId = await sku();
  const path = `/v1/skus/${skuId}/prices`;
  const body = { type: 'flash', price: cny(5_900), from: later(1).toISOString(), to: later(2).toISOString() };
  const headers = { 'idempotency-key': 'over-http' };
  const made = await http.send('merchant', 'POST', path, body, headers);
  expect(made).toMatchObject({ status: 201, body: { type: 'flash', price: { amount: 5_900 }, skuId: String(skuId) } });
  expect(await http.send('merchant', 'POST', path, body, headers)).toMatchObject({ status: 200, body: made.body });
  await given(skuId, { type: 'standard', price: cny(7_000), from: later(3) });
  const first = await http.send('shop', 'GET', `${path}?limit=1`);
  expect(first.body).toMatchObject({ items: [{ type: 'standard', to: null }] });
  const second = await http.send('shop', 'GET', `${path}?limit=1&cursor=${first.body['next']}`);
  expect(second.body).toEqual({ items: [made.body], next: null });
  expect(await http.send('merchant', 'POST', `${path}/${made.body['priceId']}/end`)).toMatchObject({
    status: 200,
    body: { to: body.from },
  });
  expect((await http.send('shop', 'POST', path, body, headers)).status).toBe(403);
  expect(await http.send('merchant', 'POST', path, { ...body, to: 'tomorrow' }, headers)).toMatchObject({
    status: 422,
  });
});
