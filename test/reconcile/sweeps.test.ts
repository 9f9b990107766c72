import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTemporaryCart, readCart, setItem } from '../../core/carts/carts.ts';
import { CartTokens, TOKEN_LIFE_MS } from '../../core/carts/tokens.ts';
import stockConservation from '../../reconcile/checks/stock-conservation.ts';
import { submitted } from '../support/orders.ts';
import { openWorld, type World } from './support.ts';

/* Repairs of what no request comes back to. */

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

const ONE = { advanced: 1, waiting: 0, person: 0, failed: 0 };

test("a visitor's cart goes when its token is over, and not before", async () => {
  const { ctx, sku } = world;
  const { cart, token } = openTemporaryCart(ctx, new CartTokens('a secret of this test'));
  const { expiresAt } = new CartTokens('a secret of this test').read(token, ctx.clock.now()) ?? {};
  if (expiresAt === undefined) throw new Error('no token');
  const owner = { kind: 'visitor', expiresAt } as const;
  expect(await setItem(ctx, cart.cartId, owner, { skuId: sku, quantity: 2 })).toMatchObject({ ok: true });
  expect((await world.repair('cart-expired')).advanced).toBe(0);
  await world.later(TOKEN_LIFE_MS / 1000 + 1);
  expect(await world.repair('cart-expired')).toEqual(ONE);
  const read = await readCart(ctx, cart.cartId, owner);
  expect(read.ok ? read.value.lines : []).toEqual([]);
});

test('a ticket whose turn does not come in time ends with that reason', async () => {
  world.core.guard.off.add('orders.direct');
  const result = await submitted(world.ctx, [world.sku], { key: 'a late one' });
  world.core.guard.off.delete('orders.direct');
  if (!result.ok || result.value.kind !== 'queued') throw new Error('it was not stored up');
  const { id } = result.value.ticket;
  expect((await world.repair('ticket-queued')).advanced).toBe(0);
  await world.later(world.ctx.terms.flood.waitMs / 1000 + 1);
  expect(await world.repair('ticket-queued')).toEqual(ONE);
  const row = await world.one<{ state: string; pay_order_id: string | null; refusal: unknown }>(
    'SELECT state, pay_order_id, refusal FROM core.ticket WHERE id = $1',
    [id],
  );
  expect(row).toMatchObject({ pay_order_id: null, refusal: expect.anything() });
  expect(row.state).not.toBe('QUEUED');
});

test('old sales become one sum, and the check of the stock says the same before and after', async () => {
  const { ctx, sku } = world;
  await ctx.db.tx(async (tx) => {
    await tx.query({
      text: `INSERT INTO core.reservation (order_id, sku_id, warehouse_id, quantity, state, expires_at)
        SELECT 'old-' || n, $1, 1, 1, 'taken', now() FROM generate_series(1, 5010) n`,
      values: [sku],
    });
    await tx.query({
      text: 'UPDATE core.stock SET on_hand = on_hand - 5010, sold = sold + 5010 WHERE sku_id = $1',
      values: [sku],
    });
  });
  const verdict = () => stockConservation.violations(ctx.db, { kind: 'all', now: ctx.clock.now() });
  expect(await verdict()).toEqual({ violations: [], count: 0 });
  expect((await world.repair('stock-folded')).advanced).toBe(10);
  expect((await world.repair('stock-folded')).advanced).toBe(0);
  expect(await verdict()).toEqual({ violations: [], count: 0 });
  const folded = await world.one<{ pieces: number }>('SELECT pieces FROM core.stock_folded WHERE sku_id = $1', [sku]);
  expect(folded.pieces).toBe(10);
});
