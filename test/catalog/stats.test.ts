import { afterAll, beforeAll, expect, it } from 'vitest';
import { START } from '../../core/bus/bus.store.ts';
import { rewind, turn } from '../../core/bus/consume.ts';
import type { Product } from '../../core/catalog/catalog.read.ts';
import { setPrice } from '../../core/catalog/catalog.ts';
import { addPrice } from '../../core/catalog/prices/prices.ts';
import { consumerOf, loadConsumers } from '../../core/consumers/consumers.ts';
import { VirtualClock } from '../../core/kernel/clock.ts';
import { must } from '../../core/kernel/errors.ts';
import { money } from '../../core/kernel/money.ts';
import { pay } from '../../core/payments/payments.ts';
import { onShelf, VIRTUAL } from '../support/catalogue.ts';
import { type TestCore, testCore } from '../support/core.ts';
import { eventually } from '../support/eventually.ts';
import { placed } from '../support/orders.ts';
import { fakeOutside } from '../support/outside.ts';

const clock = new VirtualClock(new Date('2030-11-10T00:00:00Z'));
const NEVER = new AbortController().signal;
const outside = fakeOutside();
let core: TestCore;
beforeAll(async () => {
  core = await testCore({ ...outside.options, clock });
});
afterAll(() => core[Symbol.asyncDispose]());

/** What the consumer makes of everything until now. */
async function follow(): Promise<void> {
  const consumer = consumerOf(core.ctx, must((await loadConsumers()).get('product-stats'), 'the consumer'));
  await eventually(async () => (await turn(core.ctx, consumer, 'a test', NEVER)).kind === 'idle');
}

async function stat({ spuId }: Product) {
  const [row] = await core.ctx.db.query({
    text: `SELECT min_price, max_price, skus, stock, sales FROM core.spu_stat WHERE spu_id = $1`,
    values: [spuId],
  });
  return row;
}

async function buy(product: Product, quantity: number, type: 'physical' | 'virtual', userId: number): Promise<void> {
  outside.channel.onInit = 'paid';
  const { payOrderId } = await placed(core.ctx, [{ skuId: product.skus[0]?.skuId ?? 0, quantity }], { type, userId });
  const pressed = await pay(core.ctx, { payOrderId, channel: 'sandbox' }, NEVER);
  if (!pressed.ok) throw new Error(pressed.detail);
  await core.ctx.background.idle();
}

it('counts prices, stock and sales of what is counted and what is not, and the same again changes nothing', async () => {
  const shirt = await onShelf(core.ctx, {
    name: 'Shirt',
    skus: [
      { price: '79', stock: 10 },
      { price: '99', stock: 5 },
    ],
  });
  const charge = await onShelf(core.ctx, {
    name: 'Charge',
    categoryId: VIRTUAL,
    skus: [{ price: '5', infinite: true }],
  });
  expect(await stat(shirt)).toEqual({ min_price: 7_900, max_price: 9_900, skus: 2, stock: 15, sales: 0 });
  await buy(shirt, 3, 'physical', 1);
  await buy(charge, 2, 'virtual', 2);
  await buy(charge, 1, 'virtual', 3);
  await setPrice(core.ctx, 'a merchant', shirt.skus[1]?.skuId ?? 0, { price: money(10_900, 'CNY') });
  await follow();
  const [ofShirt, ofCharge] = [await stat(shirt), await stat(charge)];
  expect(ofShirt).toEqual({ min_price: 7_900, max_price: 10_900, skus: 2, stock: 12, sales: 3 });
  expect(ofCharge).toMatchObject({ min_price: 500, sales: 3, stock: 0 });
  await rewind(core.ctx, 'product-stats', START);
  await follow();
  expect([await stat(shirt), await stat(charge)]).toEqual([ofShirt, ofCharge]);
});

it('follows a price that begins and ends by itself with whatever happens next', async () => {
  const shirt = await onShelf(core.ctx, { name: 'Flashed', skus: [{ price: '79' }] });
  const [from, to] = [1, 2].map((minutes) => new Date(clock.now().getTime() + minutes * 60_000));
  const wish = { type: 'flash', price: money(100, 'CNY'), from, to } as const;
  await addPrice(core.ctx, 'a merchant', shirt.skus[0]?.skuId ?? 0, wish, 'flash');
  const seen = [];
  for (let minute = 0; minute <= 2; minute += 1) {
    await onShelf(core.ctx, { name: `Another ${minute}` });
    await follow();
    seen.push((await stat(shirt))?.['min_price']);
    clock.advance(60_000);
  }
  expect(seen).toEqual([7_900, 100, 7_900]);
});
