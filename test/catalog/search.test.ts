import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { importProduct } from '../../core/catalog/catalog.import.ts';
import { catalogRoutes } from '../../core/catalog/catalog.routes.ts';
import { tagProduct } from '../../core/catalog/edits/edits.ts';
import { addPrice } from '../../core/catalog/prices/prices.ts';
import { createCategory, editCategory } from '../../core/catalog/tree/tree.ts';
import { createWord } from '../../core/catalog/words/words.ts';
import { VirtualClock } from '../../core/kernel/clock.ts';
import { money } from '../../core/kernel/money.ts';
import { type CoreClient, type TestCore, testCore } from '../support/core.ts';

const clock = new VirtualClock(new Date('2030-11-10T00:00:00Z'));
let core: TestCore;
let http: CoreClient;
const ids = new Map<string, number>();
const skus = new Map<string, number>();
let below = 0;
let tagId = 0;

interface Wish {
  readonly categoryId?: number;
  readonly brandId?: number;
  readonly basic?: string;
  readonly sales?: string;
  readonly prices?: readonly string[];
}

async function make(name: string, wish: Wish = {}): Promise<void> {
  const attributes = (text: string | undefined) =>
    text === undefined
      ? []
      : [{ attributeId: Number(text.split(':')[0]), attributeName: 'x', value: text.split(':')[1] }];
  const text = JSON.stringify({
    categoryId: wish.categoryId ?? 1003001,
    spu: { name, ...(wish.brandId === undefined ? {} : { brandId: wish.brandId }) },
    basicAttributes: attributes(wish.basic),
    skus: (wish.prices ?? ['10']).map((price, i) => ({
      skuName: `${name} ${i}`,
      price: Number(price),
      stock: 5,
      salesAttributes: attributes(wish.sales),
    })),
  });
  const made = await importProduct(core.ctx, 'a merchant', text);
  if (!made.ok) throw new Error(made.detail);
  ids.set(name, made.value.product.spuId);
  skus.set(name, made.value.product.skus[0]?.skuId ?? 0);
}

beforeAll(async () => {
  core = await testCore({ clock });
  http = await core.http([catalogRoutes(core.ctx)]);
  const category = await createCategory(core.ctx, 'a merchant', { parentId: 1003001, name: '圆领' });
  below = category.ok ? category.value.row.id : 0;
  const tag = await createWord(core.ctx, 'a merchant', 'tag', { name: '双十一' });
  tagId = tag.ok ? tag.value.word.id : 0;
  await make('经典圆领男士T恤', { brandId: 2001, basic: '102:棉', sales: '201:黑色', prices: ['79', '99'] });
  await make('圆领毛衣', { categoryId: below, basic: '102:羊毛', prices: ['199'] });
  await make('Nike Air', { brandId: 2001, sales: '201:白色', prices: ['500'] });
  await make('流量包', { categoryId: 1005002, prices: ['5'] });
  await tagProduct(core.ctx, 'a merchant', ids.get('Nike Air') ?? 0, [tagId]);
});
afterAll(() => core[Symbol.asyncDispose]());

async function found(query: Record<string, string | readonly string[]>): Promise<unknown[]> {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of typeof value === 'string' ? [value] : value) search.append(name, one);
  }
  const { status, body } = await http.send('shop', 'GET', `/v1/products?${search.toString()}`);
  expect(status, JSON.stringify(body)).toBe(200);
  return (body['items'] as { name: string }[]).map((item) => item.name);
}

const SHIRT = '经典圆领男士T恤';

describe('a search of products', () => {
  it.each([
    ['any part of the name', { name: '圆领' }, ['圆领毛衣', SHIRT]],
    ['one character of it', { name: '毛' }, ['圆领毛衣']],
    ['its end, in either case', { name: 'AIR' }, ['Nike Air']],
    ['not the same characters in another order', { name: '领圆' }, []],
    ['what has a meaning in SQL', { name: '%' }, []],
    ['a brand', { brandId: '2001' }, ['Nike Air', SHIRT]],
    ['an attribute of the product', { attribute: '102:棉' }, [SHIRT]],
    ['an attribute of a SKU', { attribute: '201:白色' }, ['Nike Air']],
    ['several attributes', { attribute: ['102:棉', '201:黑色'] }, [SHIRT]],
    ['attributes of which one is not there', { attribute: ['102:棉', '201:白色'] }, []],
    ['a price in the range', { priceFrom: '8000', priceTo: '20000' }, ['圆领毛衣', SHIRT]],
    ['a price up to one', { priceTo: '500' }, ['流量包']],
    ['a price of another currency', { priceFrom: '1', currency: 'EUR' }, []],
    ['a state', { state: 'ON_SHELF' }, []],
    ['a shop', { shopId: '2' }, []],
    ['all at once', { name: 'T恤', brandId: '2001', attribute: '102:棉', priceTo: '7900', state: 'DRAFT' }, [SHIRT]],
  ] as const)('finds %s', async (_what, query, names) => {
    expect(await found(query)).toEqual(names);
  });

  it('finds a tag', async () => {
    expect(await found({ tagId: String(tagId) })).toEqual(['Nike Air']);
  });

  it('finds what lies in a category or below it, also after it moved', async () => {
    expect(await found({ categoryId: '1003000' })).toEqual(['Nike Air', '圆领毛衣', SHIRT]);
    expect(await found({ categoryId: String(below) })).toEqual(['圆领毛衣']);
    await editCategory(core.ctx, 'a merchant', { id: below, version: 0, parentId: 1001000 });
    expect(await found({ categoryId: '1003000' })).toEqual(['Nike Air', SHIRT]);
    expect(await found({ categoryId: '1001000' })).toEqual(['圆领毛衣']);
  });

  it('finds by the price in effect, as it begins and ends', async () => {
    const at = (hours: number) => new Date(clock.now().getTime() + hours * 600_000);
    const wish = { type: 'flash', price: money(100, 'CNY'), from: at(1), to: at(2) } as const;
    await addPrice(core.ctx, 'a merchant', skus.get('Nike Air') ?? 0, wish, 'flash');
    const cheap = () => found({ priceTo: '200' });
    expect(await cheap()).toEqual([]);
    clock.advance(600_000);
    expect(await cheap()).toEqual(['Nike Air']);
    clock.advance(600_000);
    expect(await cheap()).toEqual([]);
  });

  it.each(['?attribute=x', '?attribute=102', '?priceFrom=-1', '?tagId=x', '?priceFrom=1.5', '?currency=XXX'])(
    'refuses %s',
    async (query) => {
      expect((await http.send('shop', 'GET', `/v1/products${query}`)).status).toBe(422);
    },
  );
});
