import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { setPrice } from '../../core/catalog/catalog.ts';
import { ProductDetails } from '../../core/catalog/detail.ts';
import { editProduct, tagProduct } from '../../core/catalog/edits/edits.ts';
import { addPrice } from '../../core/catalog/prices/prices.ts';
import { createWord, renameWord } from '../../core/catalog/words/words.ts';
import { monotonicMs, VirtualClock } from '../../core/kernel/clock.ts';
import { money } from '../../core/kernel/money.ts';
import { onShelf } from '../support/catalogue.ts';
import { type TestCore, testCore } from '../support/core.ts';
import { eventually } from '../support/eventually.ts';
import { placed } from '../support/orders.ts';

const clock = new VirtualClock(new Date('2030-11-10T00:00:00Z'));
let core: TestCore;
let n = 0;
beforeAll(async () => {
  core = await testCore({ clock });
});
afterAll(() => core[Symbol.asyncDispose]());

const product = () => onShelf(core.ctx, { name: `Seen ${++n}` });
const cny = (amount: number) => money(amount, 'CNY');

/** Reads it so often that it is no longer asked for each time. */
async function heat(details: ProductDetails, spuId: number): Promise<void> {
  for (let i = 0; i < 50; i += 1) await details.read(spuId);
}

describe('the cached detail', () => {
  it('shows each change at once where few look', async () => {
    const details = new ProductDetails(core.ctx);
    const { spuId, version, skus } = await product();
    const skuId = skus[0]?.skuId ?? 0;
    expect(await details.read(spuId)).toMatchObject({ version });
    await setPrice(core.ctx, 'a merchant', skuId, { price: cny(1_234) });
    expect(await details.read(spuId)).toMatchObject({ skus: [{ price: { amount: 1_234 } }] });
    await placed(core.ctx, [skuId], { userId: 5 });
    expect(await details.read(spuId)).toMatchObject({ skus: [{ stock: { onHand: 99, reserved: 1 } }] });
    await editProduct(core.ctx, 'a merchant', spuId, version, { description: 'new' });
    expect(await details.read(spuId)).toMatchObject({ description: 'new' });
    const tag = await createWord(core.ctx, 'a merchant', 'tag', { name: 'before' });
    const id = tag.ok ? tag.value.word.id : 0;
    await tagProduct(core.ctx, 'a merchant', spuId, [id]);
    await renameWord(core.ctx, 'a merchant', 'tag', { id, version: 0, name: 'after' });
    expect(await details.read(spuId)).toMatchObject({ tags: [{ name: 'after' }] });
    expect(await details.read(999_999)).toBeNull();
  });

  it('of what many look at shows the change of another replica within a second', async () => {
    const details = new ProductDetails(core.ctx);
    const { spuId, version } = await product();
    await heat(details, spuId);
    await editProduct(core.ctx, 'another replica', spuId, version, { name: 'changed' });
    const seen: (string | undefined)[] = [];
    await eventually(
      async () => {
        for (let i = 0; i < 20; i += 1) seen.push((await details.read(spuId))?.name);
        return seen.at(-1) === 'changed';
      },
      { timeoutMs: 1_000, everyMs: 20 },
    );
  });

  it('asks seldom for what many look at', async () => {
    let asked = 0;
    const counting: typeof core.ctx = {
      ...core.ctx,
      db: {
        pool: core.ctx.db.pool,
        query: (query) => {
          asked += 1;
          return core.ctx.db.query(query);
        },
        tx: (fn, options) => core.ctx.db.tx(fn, options),
        [Symbol.asyncDispose]: async () => undefined,
      },
    };
    const details = new ProductDetails(counting);
    const { spuId } = await product();
    const startedMs = monotonicMs();
    for (let i = 0; i < 5_000; i += 1) await details.read(spuId);
    const windows = 1 + Math.ceil((monotonicMs() - startedMs) / 500);
    expect(asked).toBeLessThanOrEqual(windows * 18);
  });

  it('lets a price begin and end in time, however many look', async () => {
    const details = new ProductDetails(core.ctx);
    const { spuId, skus } = await product();
    const [from, to] = [1, 2].map((hours) => new Date(clock.now().getTime() + hours * 3_600_000));
    const wish = { type: 'flash', price: cny(5_900), from, to } as const;
    await addPrice(core.ctx, 'a merchant', skus[0]?.skuId ?? 0, wish, 'flash');
    await heat(details, spuId);
    clock.advance(3_600_000);
    expect(await details.read(spuId)).toMatchObject({ skus: [{ price: { amount: 5_900 }, priceType: 'flash' }] });
    await heat(details, spuId);
    clock.advance(3_600_000);
    expect(await details.read(spuId)).toMatchObject({ skus: [{ price: { amount: 7_900 }, priceChangesAt: null }] });
  });

  it('is never what an order is priced by', async () => {
    const details = new ProductDetails(core.ctx);
    const { spuId, skus } = await product();
    const skuId = skus[0]?.skuId ?? 0;
    await heat(details, spuId);
    await setPrice(core.ctx, 'another replica', skuId, { price: cny(8_888) });
    expect(await placed(core.ctx, [skuId], { userId: 6 })).toMatchObject({ payable: { amount: 8_888 } });
  });

  it('keeps so many products and SKUs, and those that were looked at last', async () => {
    const details = new ProductDetails(core.ctx, { products: 3, skus: 5 });
    const one = () => onShelf(core.ctx, { name: `Kept ${++n}`, skus: [{ name: 'a' }, { name: 'b' }] });
    for (let i = 0; i < 5; i += 1) {
      await details.read((await one()).spuId);
      expect(details.size.products).toBeLessThanOrEqual(3);
      expect(details.size.skus).toBeLessThanOrEqual(5);
    }
    expect(details.size).toEqual({ products: 2, skus: 4 });
  });
});
