import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openUserCart, readCart, setItem } from '../../core/carts/carts.ts';
import { setPrice } from '../../core/catalog/catalog.ts';
import type { CoreContext } from '../../core/context.ts';
import { addMs } from '../../core/kernel/clock.ts';
import type { Tx, TxOptions } from '../../core/kernel/db/database.ts';
import type { Result } from '../../core/kernel/errors.ts';
import { checkoutRoutes } from '../../core/orders/checkout.routes.ts';
import { type CheckoutWish, checkoutCart } from '../../core/orders/checkout.ts';
import { drainOnce } from '../../core/orders/drain.ts';
import type { Submitted } from '../../core/orders/submit.ts';
import { releaseExpired } from '../../core/stock/stock.ts';
import { skusOnShelf } from '../support/catalogue.ts';
import { type TestCore, testCore } from '../support/core.ts';
import { ADDRESS, place, placed } from '../support/orders.ts';
import { dyingAt } from './dying.ts';
import { coupon, everything, rows } from './placing.ts';

/* Buying a cart, and checkouts that become several orders (拆单). */

const NEVER = new AbortController().signal;
const USER = 1001;
let core: TestCore;
let ctx: CoreContext;
let cartId: string;
let shirt: number;
let cup: number;
beforeEach(async () => {
  core = await testCore({ poolSize: 12 });
  ctx = core.ctx;
  [shirt = 0] = await skusOnShelf(ctx, { shopId: 7, skus: [{ name: 'shirt', price: '79.00', stock: 10 }] });
  [cup = 0] = await skusOnShelf(ctx, { shopId: 8, skus: [{ name: 'cup', price: '20.00', stock: 10 }] });
  ({ cartId } = await openUserCart(ctx, USER));
  for (const [skuId, quantity] of [
    [shirt, 1],
    [cup, 2],
  ] as const)
    await put(skuId, quantity);
});
afterEach(() => core[Symbol.asyncDispose]());

const put = (skuId: number, quantity: number) =>
  setItem(ctx, cartId, { kind: 'user', userId: USER }, { skuId, quantity });

function buy(more: Partial<CheckoutWish> = {}, key = 'k', on = ctx): Promise<Result<Submitted>> {
  return checkoutCart(on, 'a shop', { cartId, userId: USER, type: 'physical', address: ADDRESS, ...more }, key, NEVER);
}

function placedOf(result: Result<Submitted>) {
  if (!result.ok) throw new Error(`${result.code}: ${result.detail}`);
  if (result.value.kind !== 'placed') throw new Error('it was stored up');
  return result.value;
}

async function inCart(): Promise<Record<number, number>> {
  const cart = await readCart(ctx, cartId, { kind: 'user', userId: USER });
  if (!cart.ok) throw new Error(cart.detail);
  return Object.fromEntries(cart.value.lines.map((line) => [line.skuId, line.quantity]));
}

/** The context, and how often one of its transactions was run again: after a deadlock. */
function countingRetries(of: CoreContext): { readonly ctx: CoreContext; readonly retries: () => number } {
  let retries = 0;
  const db: CoreContext['db'] = Object.create(of.db, {
    query: { value: of.db.query.bind(of.db) },
    tx: {
      value: (fn: (tx: Tx) => Promise<unknown>, options?: TxOptions) => {
        let runs = 0;
        return of.db.tx((tx) => {
          runs += 1;
          if (runs > 1) retries += 1;
          return fn(tx);
        }, options);
      },
    },
  });
  return { ctx: { ...of, db }, retries: () => retries };
}

describe('a checkout', () => {
  it('becomes one order per shop under one pay order, and its lines leave the cart with it', async () => {
    const { created, replayed } = placedOf(await buy({ couponCode: await coupon(ctx, 1) }));
    expect(replayed).toBe(false);
    expect(created).toMatchObject({
      payable: { amount: 11_899 },
      orders: [
        { shopId: 7, goodsAmount: { amount: 7_900 }, discount: { amount: 1 }, payable: { amount: 7_899 } },
        { shopId: 8, goodsAmount: { amount: 4_000 }, discount: { amount: 0 }, payable: { amount: 4_000 } },
      ],
    });
    expect(await inCart()).toEqual({});
    const held = await rows(
      ctx,
      `SELECT o.shop_id, r.sku_id, r.quantity FROM core.orders o JOIN core.reservation r ON r.order_id = o.id
        WHERE o.pay_order_id = $1 ORDER BY 1`,
      created.payOrderId,
    );
    expect(held).toEqual([
      { shop_id: 7, sku_id: shirt, quantity: 1 },
      { shop_id: 8, sku_id: cup, quantity: 2 },
    ]);
  });

  it('sent again answers the first result, though the cart is empty; with another body it is refused', async () => {
    const first = placedOf(await buy());
    await put(cup, 5);
    const before = await everything(ctx);
    expect(placedOf(await buy())).toEqual({ ...first, replayed: true });
    expect(await buy({ lines: [{ skuId: cup }] })).toMatchObject({ code: 'idempotency_key_reused' });
    expect(await everything(ctx)).toEqual(before);
    expect(await inCart()).toEqual({ [cup]: 5 });
  });

  it('of some lines leaves the others, at the price that the shopper saw', async () => {
    const seen = { amount: 2_000, currency: 'CNY' } as const;
    await setPrice(ctx, 'm', cup, { price: { amount: 2_500, currency: 'CNY' } });
    expect(await buy({ lines: [{ skuId: cup, expectedPrice: seen }] })).toMatchObject({ code: 'price_changed' });
    expect(await inCart()).toEqual({ [shirt]: 1, [cup]: 2 });
    const now = { ...seen, amount: 2_500 };
    expect(placedOf(await buy({ lines: [{ skuId: cup, expectedPrice: now }] })).created.payable.amount).toBe(5_000);
    expect(await inCart()).toEqual({ [shirt]: 1 });
  });

  it('that lacks one piece buys nothing, and the cart stays', async () => {
    await put(cup, 11);
    const before = await everything(ctx);
    expect(await buy()).toMatchObject({ code: 'sold_out' });
    expect(await everything(ctx)).toEqual(before);
    expect(await inCart()).toEqual({ [shirt]: 1, [cup]: 11 });
  });

  it.each([
    ["somebody else's cart", { userId: 7 }, 'cart_unknown'],
    ['a cart that is none', { cartId: 'crt_01kavw2m3n8q4r5s6t7v8w9x0y' }, 'cart_unknown'],
    ['a line that is not in it', { lines: [{ skuId: 999_999 }] }, 'cart_empty'],
    ['no address', { address: undefined }, 'address_missing'],
    ['an unknown type', { type: 'no-such' }, 'invalid_request'],
  ])('of %s is refused', async (_what, more, code) => {
    const before = await everything(ctx);
    expect(await buy(more)).toMatchObject({ ok: false, code });
    expect(await everything(ctx)).toEqual(before);
  });

  it('of an empty cart is refused', async () => {
    placedOf(await buy());
    expect(await buy({}, 'another')).toMatchObject({ code: 'cart_empty' });
  });

  it('twice at once with two keys buys once', async () => {
    const all = await Promise.all(Array.from({ length: 6 }, (_, i) => buy({}, `click-${i}`)));
    expect(all.filter((one) => one.ok)).toHaveLength(1);
    for (const one of all) if (!one.ok) expect(['cart_changed', 'cart_empty']).toContain(one.code);
    expect(await rows(ctx, 'SELECT count(*) AS n FROM core.pay_order')).toEqual([{ n: 1 }]);
  });

  it('against a change of its line: what was bought is what the cart said, and the rest stays', async () => {
    for (let i = 0; i < 4; i += 1) {
      await put(shirt, 1);
      const [bought] = await Promise.all([buy({ lines: [{ skuId: shirt }] }, `race-${i}`), put(shirt, 2)]);
      expect(await inCart()).toMatchObject({ [shirt]: 2 });
      if (bought.ok) expect(placedOf(bought).created.payable.amount).toBe(7_900);
      else expect(bought.code).toBe('cart_changed');
    }
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9])('that dies at statement %d leaves cart, coupon and stock', async (nth) => {
    const couponCode = await coupon(ctx, 100);
    const before = await everything(ctx);
    await expect(buy({ couponCode }, 'k', dyingAt(ctx, nth))).rejects.toThrow('the process died');
    expect(await everything(ctx)).toEqual(before);
    expect(await inCart()).toEqual({ [shirt]: 1, [cup]: 2 });
    expect((await buy({ couponCode })).ok).toBe(true);
  });

  it('while orders are stored up leaves the cart when its turn comes; two tickets for it buy once', async () => {
    core.guard.off.add('orders.direct');
    for (const key of ['one', 'two']) {
      expect(await buy({}, key)).toMatchObject({ ok: true, value: { kind: 'queued' } });
    }
    expect(await inCart()).toEqual({ [shirt]: 1, [cup]: 2 });
    expect(await drainOnce(ctx, 10, NEVER)).toEqual({ placed: 1, refused: 1, kept: 0 });
    expect(await inCart()).toEqual({});
    expect(await rows(ctx, `SELECT state, refusal->>'code' AS code FROM core.ticket ORDER BY seq`)).toEqual([
      { state: 'PLACED', code: null },
      { state: 'REFUSED', code: 'cart_changed' },
    ]);
  });

  it('over HTTP answers 201 with all its orders', async () => {
    const http = await core.http([checkoutRoutes(ctx)]);
    const body = { userId: String(USER), type: 'physical', address: ADDRESS };
    const path = `/v1/carts/${cartId}/checkout`;
    const twice = { ...body, lines: [{ skuId: String(cup) }, { skuId: String(cup) }] };
    expect((await http.send('shop', 'POST', path, twice, { 'idempotency-key': 'x' })).status).toBe(422);
    expect((await http.send('shop', 'POST', path, { ...body, items: [] }, { 'idempotency-key': 'x' })).status).toBe(
      422,
    );
    const bought = await http.send('shop', 'POST', path, body, { 'idempotency-key': 'x' });
    expect(bought).toMatchObject({ status: 201, body: { orders: [{ shopId: '7' }, { shopId: '8' }] } });
    expect(core.guard.inside).toBe(0);
  });
});

describe('checkouts of several orders', () => {
  it('never wait in a ring for a sweep that gives the same goods back', async () => {
    // The shops' order is not that of their goods.
    const [a = 0] = await skusOnShelf(ctx, { shopId: 12, skus: [{ stock: 2_000 }] });
    const [b = 0] = await skusOnShelf(ctx, { shopId: 11, skus: [{ stock: 2_000 }] });
    for (let userId = 1; userId <= 20; userId += 1) await placed(ctx, [a, b], { userId });
    const late = addMs(ctx.clock.now(), 3_600_000);
    const watched = countingRetries(ctx);
    const sweeps = async (): Promise<void> => {
      for (let i = 0; i < 40; i += 1) {
        await rows(
          ctx,
          `UPDATE core.reservation SET due_at = now() WHERE id IN (SELECT id FROM core.reservation WHERE state = 'held' ORDER BY random() LIMIT 4)`,
        );
        await watched.ctx.db.tx((tx) => releaseExpired(tx, late, 4));
      }
    };
    const buyers = Array.from({ length: 8 }, async (_, n) => {
      for (let i = 0; i < 15; i += 1) await placed(watched.ctx, [a, b], { userId: 100 + n });
    });
    await Promise.all([...buyers, sweeps(), sweeps()]);
    expect(watched.retries()).toBe(0);
  });

  it('from more shops than a checkout may have are refused', async () => {
    const skus: number[] = [];
    for (let shopId = 100; shopId < 151; shopId += 1) skus.push(...(await skusOnShelf(ctx, { shopId })));
    expect(await place(ctx, skus)).toMatchObject({ code: 'order_too_large' });
    expect((await placed(ctx, skus.slice(1))).orders).toHaveLength(50);
  });
});
