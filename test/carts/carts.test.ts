import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  addItem,
  MAX_LINES,
  MAX_PIECES,
  type Owner,
  openTemporaryCart,
  openUserCart,
  purgeExpired,
  readCart,
  removeItem,
  setItem,
} from '../../core/carts/carts.ts';
import type { CartView } from '../../core/carts/carts.view.ts';
import { mergeCart } from '../../core/carts/merge.ts';
import { CartTokens, TOKEN_LIFE_MS } from '../../core/carts/tokens.ts';
import { changeState, setPrice } from '../../core/catalog/catalog.ts';
import type { CoreContext } from '../../core/context.ts';
import { addMs, VirtualClock } from '../../core/kernel/clock.ts';
import type { Result } from '../../core/kernel/errors.ts';
import { NOW, rows } from '../orders/placing.ts';
import { onShelf, skusOnShelf, VIRTUAL } from '../support/catalogue.ts';
import { type TestCore, testCore } from '../support/core.ts';

const tokens = new CartTokens('a secret of this test');
const clock = new VirtualClock(NOW);
let core: TestCore;
let ctx: CoreContext;
let skus: number[];
let users = 1_000;
beforeAll(async () => {
  core = await testCore({ clock, poolSize: 12 });
  ctx = core.ctx;
  skus = await skusOnShelf(ctx, {
    skus: Array.from({ length: 250 }, (_, i) => ({ name: `n${i}`, price: '10.00', stock: 10 })),
  });
});
afterAll(() => core[Symbol.asyncDispose]());

const sku = (n: number): number => skus[n] ?? 0;
const mine = async (): Promise<{ cartId: string; owner: Owner; userId: number }> => {
  const userId = ++users;
  return { cartId: (await openUserCart(ctx, userId)).cartId, owner: { kind: 'user', userId }, userId };
};
const visitor = () => {
  const { cart, token } = openTemporaryCart(ctx, tokens);
  const read = tokens.read(token, ctx.clock.now());
  if (read === null) throw new Error('no token');
  return { cartId: cart.cartId, token, read, owner: { kind: 'visitor', expiresAt: read.expiresAt } as const };
};
const good = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(`${result.code}: ${result.detail}`);
  return result.value;
};
const pieces = (cart: CartView): Record<number, number> =>
  Object.fromEntries(cart.lines.map((line) => [line.skuId, line.quantity]));

describe('a cart', () => {
  it('of a user is one, however often and by how many at once it is opened', async () => {
    const userId = ++users;
    const all = await Promise.all(Array.from({ length: 8 }, () => openUserCart(ctx, userId)));
    expect(new Set(all.map(({ cartId }) => cartId)).size).toBe(1);
  });

  it('of a visitor writes nothing before something is put in', async () => {
    const { cartId, owner } = visitor();
    expect(good(await readCart(ctx, cartId, owner))).toEqual({ cartId, userId: null, lines: [] });
    expect(await rows(ctx, 'SELECT id FROM core.cart WHERE id = $1', cartId)).toEqual([]);
    expect(pieces(good(await setItem(ctx, cartId, owner, { skuId: sku(0), quantity: 2 })))).toEqual({ [sku(0)]: 2 });
    expect(pieces(good(await readCart(ctx, cartId, owner)))).toEqual({ [sku(0)]: 2 });
  });

  it('takes what is set, what is added, what is taken out, and is emptied; each may be repeated', async () => {
    const { cartId, owner } = await mine();
    for (let i = 0; i < 2; i += 1) good(await setItem(ctx, cartId, owner, { skuId: sku(0), quantity: 2 }));
    for (let i = 0; i < 2; i += 1) good(await addItem(ctx, cartId, owner, { skuId: sku(0), quantity: 3 }, 'k1'));
    good(await addItem(ctx, cartId, owner, { skuId: sku(1), quantity: 1 }, 'k2'));
    expect(pieces(good(await readCart(ctx, cartId, owner)))).toEqual({ [sku(0)]: 5, [sku(1)]: 1 });
    for (let i = 0; i < 2; i += 1) good(await removeItem(ctx, cartId, owner, sku(0)));
    expect(pieces(good(await readCart(ctx, cartId, owner)))).toEqual({ [sku(1)]: 1 });
    for (let i = 0; i < 2; i += 1) expect(good(await removeItem(ctx, cartId, owner, null)).lines).toEqual([]);
  });

  it('says of each line what has changed since it was put in', async () => {
    const product = await onShelf(ctx, {
      name: 'Shirt',
      skus: [
        { name: 'L', price: '79.00', stock: 3 },
        { name: 'M', price: '79.00', stock: 0 },
      ],
    });
    const gone = await onShelf(ctx, { skus: [{ price: '5.00' }] });
    const [postage = 0] = await skusOnShelf(ctx, { categoryId: VIRTUAL, skus: [{ infinite: true, price: '1.00' }] });
    const [large = 0, medium = 0] = product.skus.map(({ skuId }) => skuId);
    const off = gone.skus[0]?.skuId ?? 0;
    const { cartId, owner } = await mine();
    for (const [skuId, quantity] of [
      [large, 5],
      [medium, 1],
      [off, 1],
      [postage, 9],
    ] as const) {
      good(await setItem(ctx, cartId, owner, { skuId, quantity }));
    }
    await setPrice(ctx, 'm', large, { price: { amount: 6_900, currency: 'CNY' } });
    await changeState(ctx, 'm', gone.spuId, 'unpublish', undefined);
    const { lines } = good(await readCart(ctx, cartId, owner));
    const bySku = new Map(lines.map((line) => [line.skuId, line]));
    expect(bySku.get(large)).toMatchObject({
      name: 'Shirt L',
      unitPrice: { amount: 6_900 },
      addedPrice: { amount: 7_900 },
      onShelf: true,
      available: 3,
      notices: ['price_changed', 'too_few'],
    });
    expect(bySku.get(medium)).toMatchObject({ available: 0, notices: ['sold_out'] });
    expect(bySku.get(off)).toMatchObject({ onShelf: false, notices: ['off_shelf'] });
    expect(bySku.get(postage)).toMatchObject({ available: null, notices: [] });
  });

  it('is refused to who does not own it, as if it were not there', async () => {
    const { cartId } = await mine();
    const other = await mine();
    const guest = visitor();
    const put = { skuId: sku(0), quantity: 1 };
    for (const owner of [other.owner, guest.owner] as const) {
      expect(await readCart(ctx, cartId, owner)).toMatchObject({ code: 'cart_unknown' });
      expect(await setItem(ctx, cartId, owner, put)).toMatchObject({ code: 'cart_unknown' });
      expect(await addItem(ctx, cartId, owner, put, 'k')).toMatchObject({ code: 'cart_unknown' });
      expect(await removeItem(ctx, cartId, owner, null)).toMatchObject({ code: 'cart_unknown' });
    }
    expect(await setItem(ctx, guest.cartId, other.owner, put)).toMatchObject({ code: 'cart_unknown' });
  });

  it('takes no SKU that nobody knows or that is off the shelf, and no key with another number', async () => {
    const { cartId, owner } = await mine();
    const product = await onShelf(ctx);
    const skuId = product.skus[0]?.skuId ?? 0;
    good(await setItem(ctx, cartId, owner, { skuId, quantity: 5 }));
    await changeState(ctx, 'm', product.spuId, 'unpublish', undefined);
    const elsewhere = await mine();
    expect(await setItem(ctx, elsewhere.cartId, elsewhere.owner, { skuId, quantity: 1 })).toMatchObject({
      code: 'sku_off_shelf',
    });
    expect(pieces(good(await setItem(ctx, cartId, owner, { skuId, quantity: 1 })))).toEqual({ [skuId]: 1 });
    expect(await setItem(ctx, cartId, owner, { skuId: 999_999_999, quantity: 1 })).toMatchObject({
      code: 'sku_unknown',
    });
    good(await addItem(ctx, cartId, owner, { skuId: sku(0), quantity: 1 }, 'once'));
    expect(await addItem(ctx, cartId, owner, { skuId: sku(0), quantity: 2 }, 'once')).toMatchObject({
      code: 'idempotency_key_reused',
    });
  });

  it('holds no more lines and pieces than it may, however many put them in at once', async () => {
    const { cartId, owner } = await mine();
    good(await setItem(ctx, cartId, owner, { skuId: sku(0), quantity: MAX_PIECES - 3 }));
    const adds = await Promise.all(
      Array.from({ length: 8 }, (_, i) => addItem(ctx, cartId, owner, { skuId: sku(0), quantity: 1 }, `k${i}`)),
    );
    expect(adds.filter((one) => one.ok)).toHaveLength(3);
    expect(adds.filter((one) => !one.ok && one.code === 'cart_full')).toHaveLength(5);
    await rows(
      ctx,
      `INSERT INTO core.cart_item (cart_id, sku_id, quantity, added_price, added_currency, added_at)
        SELECT $1, n, 1, 1, 'CNY', now() FROM generate_series(1, ${MAX_LINES - 3}) n`,
      cartId,
    );
    const sets = await Promise.all(
      Array.from({ length: 6 }, (_, i) => setItem(ctx, cartId, owner, { skuId: sku(i + 1), quantity: 1 })),
    );
    expect(sets.filter((one) => one.ok)).toHaveLength(2);
    expect(good(await readCart(ctx, cartId, owner)).lines).toHaveLength(MAX_LINES);
  });

  it('adds up what two put in at once', async () => {
    const { cartId, owner } = await mine();
    await Promise.all(
      Array.from({ length: 10 }, (_, i) => addItem(ctx, cartId, owner, { skuId: sku(0), quantity: 1 }, `k${i % 5}`)),
    );
    expect(pieces(good(await readCart(ctx, cartId, owner)))).toEqual({ [sku(0)]: 5 });
  });
});

describe('logging in', () => {
  it('adds the visitor’s lines to the user’s, and only once', async () => {
    const user = await mine();
    const guest = visitor();
    good(await setItem(ctx, user.cartId, user.owner, { skuId: sku(0), quantity: 1 }));
    good(await setItem(ctx, guest.cartId, guest.owner, { skuId: sku(0), quantity: 2 }));
    good(await setItem(ctx, guest.cartId, guest.owner, { skuId: sku(1), quantity: 4 }));
    const expected = { [sku(0)]: 3, [sku(1)]: 4 };
    const merged = good(await mergeCart(ctx, guest.read, user.userId));
    expect([pieces(merged.cart), merged.capped, merged.dropped]).toEqual([expected, [], []]);
    expect(pieces(good(await mergeCart(ctx, guest.read, user.userId)).cart)).toEqual(expected);
    expect(await rows(ctx, 'SELECT * FROM core.cart_item WHERE cart_id = $1', guest.cartId)).toEqual([]);
    expect(await setItem(ctx, guest.cartId, guest.owner, { skuId: sku(2), quantity: 1 })).toMatchObject({
      code: 'cart_unknown',
    });
    expect(await mergeCart(ctx, guest.read, (await mine()).userId)).toMatchObject({ code: 'cart_unknown' });
  });

  it('in eight windows at once adds once, for one user or for two', async () => {
    const users = [await mine(), await mine()];
    const guest = visitor();
    good(await setItem(ctx, guest.cartId, guest.owner, { skuId: sku(0), quantity: 2 }));
    const all = await Promise.all(
      Array.from({ length: 8 }, (_, i) => mergeCart(ctx, guest.read, users[i % 2]?.userId ?? 0)),
    );
    expect(all.filter((one) => one.ok)).toHaveLength(4);
    const held = await rows(
      ctx,
      'SELECT sum(quantity)::int AS n FROM core.cart_item WHERE cart_id = ANY($1)',
      [users.map(({ cartId }) => cartId)].flat(),
    );
    expect(held).toEqual([{ n: 2 }]);
  });

  it('against putting something in: it is in the user’s cart or was refused', async () => {
    for (let i = 0; i < 10; i += 1) {
      const user = await mine();
      const guest = visitor();
      const [put, merged] = await Promise.all([
        setItem(ctx, guest.cartId, guest.owner, { skuId: sku(0), quantity: 1 }),
        mergeCart(ctx, guest.read, user.userId),
      ]);
      expect(merged.ok).toBe(true);
      const { lines } = good(await readCart(ctx, user.cartId, user.owner));
      expect(lines).toHaveLength(put.ok ? 1 : 0);
    }
  });

  it('never fails for a full cart: what does not fit is named', async () => {
    const user = await mine();
    await rows(
      ctx,
      `INSERT INTO core.cart_item (cart_id, sku_id, quantity, added_price, added_currency, added_at)
        SELECT $1, n, 1, 1, 'CNY', now() FROM generate_series(1, ${MAX_LINES - 2}) n`,
      user.cartId,
    );
    good(await setItem(ctx, user.cartId, user.owner, { skuId: sku(0), quantity: MAX_PIECES }));
    const guest = visitor();
    for (let i = 0; i < 3; i += 1) {
      good(await setItem(ctx, guest.cartId, guest.owner, { skuId: sku(i), quantity: 1 }));
      clock.advance(1_000);
    }
    const merged = good(await mergeCart(ctx, guest.read, user.userId));
    expect([merged.capped, merged.dropped]).toEqual([[sku(0)], [sku(1)]]);
    expect(pieces(merged.cart)).toMatchObject({ [sku(0)]: MAX_PIECES, [sku(2)]: 1 });
  });
});

describe('the token of a visitor', () => {
  const { token } = openTemporaryCartOf();
  function openTemporaryCartOf() {
    const expiresAt = addMs(NOW, TOKEN_LIFE_MS);
    return { token: tokens.issue('crt_01kavw2m3n8q4r5s6t7v8w9x0y', expiresAt) };
  }

  it('opens its cart until it is over', () => {
    expect(tokens.read(token, NOW)?.cartId).toBe('crt_01kavw2m3n8q4r5s6t7v8w9x0y');
    expect(tokens.read(token, addMs(NOW, TOKEN_LIFE_MS))).toBeNull();
  });

  it.each([
    ['another cart', token.replace('crt_01', 'crt_02')],
    ['a later end', token.replace(/\.\d+\./, '.9999999999.')],
    ['another signature', `${token.slice(0, -2)}AA`],
    ['a shorter signature', token.slice(0, -1)],
    ['another secret', new CartTokens('x').issue('crt_01kavw2m3n8q4r5s6t7v8w9x0y', addMs(NOW, TOKEN_LIFE_MS))],
    ['nothing', ''],
    ['something else', 'tg_abc'],
    ['a very long text', 'x'.repeat(10_000)],
  ])('with %s opens nothing', (_what, forged) => {
    expect(tokens.read(forged, NOW)).toBeNull();
  });
});

describe('the purge', () => {
  it('deletes visitors’ carts that are over with their lines, merged ones too, and no other', async () => {
    const kept = await mine();
    good(await setItem(ctx, kept.cartId, kept.owner, { skuId: sku(0), quantity: 1 }));
    const over = visitor();
    good(await setItem(ctx, over.cartId, over.owner, { skuId: sku(0), quantity: 1 }));
    clock.advance(TOKEN_LIFE_MS);
    const young = visitor();
    good(await setItem(ctx, young.cartId, young.owner, { skuId: sku(0), quantity: 1 }));
    let purged = 0;
    for (let n = await purgeExpired(ctx, 2); n > 0; n = await purgeExpired(ctx, 2)) purged += n;
    expect(purged).toBeGreaterThan(3);
    const left = await rows(ctx, 'SELECT id FROM core.cart WHERE id = ANY($1)', [
      kept.cartId,
      over.cartId,
      young.cartId,
    ]);
    expect(left.map(({ id }) => id).sort()).toEqual([kept.cartId, young.cartId].sort());
    expect(await rows(ctx, 'SELECT * FROM core.cart_item WHERE cart_id = $1', over.cartId)).toEqual([]);
  });
});
