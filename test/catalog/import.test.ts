import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { importProduct } from '../../core/catalog/catalog.import.ts';
import { PHYSICAL, productText } from '../support/catalogue.ts';
import { type TestCore, testCore } from '../support/core.ts';

let core: TestCore;
beforeAll(async () => {
  core = await testCore();
});
afterAll(() => core[Symbol.asyncDispose]());

const sample = (name: string): Promise<string> =>
  readFile(new URL(`../../core/catalog/demo/${name}.jsonc`, import.meta.url), 'utf8');

async function accept(text: string, options: Parameters<typeof importProduct>[3] = {}) {
  const imported = await importProduct(core.ctx, 'm', text, options);
  if (!imported.ok) throw new Error(`${imported.code}: ${imported.detail} ${JSON.stringify(imported.errors)}`);
  return imported.value;
}

async function refusal(text: string) {
  const before = await counts();
  const imported = await importProduct(core.ctx, 'm', text);
  expect(await counts()).toEqual(before);
  if (imported.ok) throw new Error('it was accepted');
  return { code: imported.code, paths: (imported.errors ?? []).map((e) => e.path), detail: imported.detail };
}

async function counts(): Promise<unknown> {
  return core.ctx.db.query({
    text: `SELECT (SELECT count(*) FROM core.spu) spu, (SELECT count(*) FROM core.sku) sku,
      (SELECT count(*) FROM core.stock) stock, (SELECT count(*) FROM core.snapshot) snapshot,
      (SELECT count(*) FROM core.event) event, (SELECT count(*) FROM core.operation_log) log`,
  });
}

describe("the source's samples", () => {
  it('import the T-shirt exactly as it stands', async () => {
    const { product } = await accept(await sample('t-shirt'));
    expect(product).toMatchObject({
      name: '经典圆领男士T恤',
      categoryId: 1003001,
      goodsKind: 'physical',
      brandId: 2001,
      state: 'DRAFT',
      version: 0,
    });
    expect(product.attributes).toHaveLength(4);
    expect(product.attributes[0]).toEqual({ attributeId: '101', attributeName: '品牌', value: 'NIKE' });
    expect(product.skus.map((s) => [s.name, s.price, s.stock])).toEqual([
      ['黑色 L', { amount: 7900, currency: 'CNY' }, { onHand: 100, reserved: 0, sold: 0 }],
      ['白色 M', { amount: 7900, currency: 'CNY' }, { onHand: 150, reserved: 0, sold: 0 }],
    ]);
  });

  it('import the mobile data exactly as it stands', async () => {
    const { product } = await accept(await sample('mobile-data'));
    expect(product.goodsKind).toBe('virtual');
    expect(product.skus.map((s) => s.price.amount)).toEqual([500, 2000, 3800]);
    expect(product.skus.every((s) => s.stock?.onHand === 9999)).toBe(true);
  });

  it('are the text of the source, byte for byte', async () => {
    expect((await sample('t-shirt')).slice(0, 60)).toContain('"categoryId": 1003001');
    expect(await sample('t-shirt')).toContain('"attributeId": 101,         // 品牌');
    expect(await sample('mobile-data')).toContain('"price": 38.00,');
  });
});

describe('prices', () => {
  it.each([
    ['79.00', 'CNY', 7900],
    ['79.000', 'CNY', 7900],
    ['0.1', 'CNY', 10],
    ['1000000000000.00', 'CNY', 100_000_000_000_000],
    ['79', 'JPY', 79],
    ['1.234', 'KWD', 1234],
  ])('%s %s is %d minor units', async (price, currency, amount) => {
    const { product } = await accept(productText({ currency, skus: [{ price }] }));
    expect(product.skus[0]?.price).toEqual({ amount, currency });
  });

  it('take the currency of the caller where the product names none', async () => {
    expect((await accept(productText(), { currency: 'GBP' })).product.skus[0]?.price.currency).toBe('GBP');
    expect((await accept(productText({ currency: 'EUR' }), { currency: 'GBP' })).product.skus[0]?.price.currency).toBe(
      'EUR',
    );
  });

  it.each([
    ['79.005', 'CNY'],
    ['79.5', 'JPY'],
    ['5e1', 'CNY'],
    ['-1', 'CNY'],
    ['-0.01', 'CNY'],
    ['0', 'CNY'],
    ['0.00', 'CNY'],
    ['1000000000000.01', 'CNY'],
    ['9007199254740993', 'CNY'],
    ['9007199254740993', 'JPY'],
    ['1e400', 'CNY'],
    ['123456789012345678901234567890', 'CNY'],
  ])('%s %s is refused with its path', async (price, currency) => {
    const text = productText({ currency, skus: [{ price: '1' }, { price }] });
    expect(await refusal(text)).toMatchObject({ code: 'amount_invalid', paths: ['skus.1.price'] });
  });

  it('of 0 need to be meant', async () => {
    const { product } = await accept(productText({ skus: [{ price: '0.00', free: true }] }));
    expect(product.skus[0]).toMatchObject({ price: { amount: 0 }, free: true });
  });

  it('in an unknown currency are refused', async () => {
    expect(await refusal(productText({ currency: 'XXQ' }))).toMatchObject({
      code: 'currency_unknown',
      paths: ['currency'],
    });
  });
});

describe('an import', () => {
  it.each([
    ['an unknown field', productText().replace('"spu"', '"extra": 1, "spu"'), 'extra'],
    ['an unknown field of a SKU', productText().replace('"skuName"', '"colour": "red", "skuName"'), 'skus.0.colour'],
    ['no SKU', productText({ skus: [] }), 'skus'],
    ['a missing price', productText().replace('"price": 79.00,', ''), 'skus.0.price'],
    ['a price as text', productText({ skus: [{ price: '"79.00"' }] }), 'skus.0.price'],
    ['stock -1', productText({ skus: [{ stock: -1 }] }), 'skus.0.stock'],
    ['half a piece', productText().replace('"stock": 100', '"stock": 1.5'), 'skus.0.stock'],
    ['stock in powers', productText().replace('"stock": 100', '"stock": 1e3'), 'skus.0.stock'],
    ['stock beyond the limit', productText({ skus: [{ stock: 1_000_000_001 }] }), 'skus.0.stock'],
    ['a blank name', productText({ name: '  ' }), 'spu.name'],
    ['a long name', productText({ name: 'x'.repeat(201) }), 'spu.name'],
    ['a NUL in a name', productText().replace('A product', 'A\\u0000'), 'spu.name'],
    ['half a surrogate pair', productText().replace('A product', 'A\\ud83d'), 'spu.name'],
    ['a field given twice', productText().replace('"stock": 100', '"stock": 100, "stock": 5'), 'skus.0.stock'],
    ['a broken category id', productText().replace(String(PHYSICAL), '1.5'), 'categoryId'],
    ['an array', '[]', ''],
  ])('with %s is refused with its path', async (_what, text, path) => {
    expect(await refusal(text)).toMatchObject({ code: 'invalid_request', paths: [path] });
  });

  it.each([
    ['two SKUs of one name', productText({ skus: [{ name: 'A' }, { name: 'A' }] }), 'skus.1.skuName'],
    ['no stock', productText().replace(', "stock": 100', ''), 'skus.0.stock'],
    [
      'infinite stock that is counted',
      productText().replace('"stock"', '"stockMode": "infinite", "stock"'),
      'skus.0.stock',
    ],
  ])('with %s is refused with its path', async (_what, text, path) => {
    expect(await refusal(text)).toMatchObject({ code: 'product_invalid', paths: [path] });
  });

  it.each(['', '{', '{"categoryId": 1,}', '{"categoryId": 079}', '// only a comment', '['.repeat(100_000)])(
    'of broken JSON is refused: %.20s',
    async (text) => {
      expect(await refusal(text)).toMatchObject({ code: 'malformed_json' });
    },
  );

  it('nested too deeply is refused', async () => {
    const deep = productText().replace('"spu"', `"a": ${'['.repeat(50)}${']'.repeat(50)}, "spu"`);
    expect(await refusal(deep)).toMatchObject({ code: 'invalid_request' });
  });

  it('into an unknown category is refused', async () => {
    expect(await refusal(productText({ categoryId: 7 }))).toMatchObject({
      code: 'category_unknown',
      paths: ['categoryId'],
    });
  });

  it('of 501 SKUs is refused, of 500 is one product', async () => {
    const many = (n: number) => Array.from({ length: n }, (_, i) => ({ name: `N ${i}` }));
    expect(await refusal(productText({ skus: many(501) }))).toMatchObject({ paths: ['skus'] });
    const { product } = await accept(productText({ skus: many(500) }));
    expect(product.skus.map((s) => s.name)).toEqual(many(500).map((s) => s.name));
  });

  it('of a SKU that is not counted makes no stock', async () => {
    const { product } = await accept(productText({ skus: [{ infinite: true }] }));
    expect(product.skus[0]?.stock).toBeNull();
  });

  it('of equal content shares its snapshot', async () => {
    const text = productText({ name: 'shared', skus: [{ price: '3.00' }] });
    const [a, b] = [await accept(text), await accept(text)];
    expect(a.product.spuId).not.toBe(b.product.spuId);
    expect(a.product.skus[0]?.snapshotId).toBe(b.product.skus[0]?.snapshotId);
    const dearer = await accept(productText({ name: 'shared', skus: [{ price: '3.01' }] }));
    expect(dearer.product.skus[0]?.snapshotId).not.toBe(a.product.skus[0]?.snapshotId);
  });

  it('leaves the movement, the event and the operation log', async () => {
    const { product } = await accept(productText({ skus: [{ stock: 7 }] }));
    const sku = product.skus[0]?.skuId;
    expect(
      await core.ctx.db.query({
        text: 'SELECT kind, quantity, actor FROM core.stock_movement WHERE sku_id = $1',
        values: [sku],
      }),
    ).toEqual([{ kind: 'initial', quantity: 7, actor: 'm' }]);
    expect(
      await core.ctx.db.query({
        text: `SELECT to_state, actor FROM core.event WHERE machine = 'product' AND entity_id = $1`,
        values: [String(product.spuId)],
      }),
    ).toEqual([{ to_state: 'DRAFT', actor: 'm' }]);
    expect(
      await core.ctx.db.query({
        text: `SELECT operation, after FROM core.operation_log WHERE entity_id = $1`,
        values: [String(product.spuId)],
      }),
    ).toEqual([{ operation: 'import', after: { name: 'A product', categoryId: PHYSICAL, skus: 1 } }]);
  });
});

describe('the key of an import', () => {
  it('makes the product once, and refuses another content', async () => {
    const text = productText({ name: 'keyed' });
    const first = await accept(text, { importKey: 'k1' });
    const again = await accept(`// the same\n${text}`, { importKey: 'k1' });
    expect(again).toEqual({ product: first.product, replayed: true });
    const other = await importProduct(core.ctx, 'm', productText({ name: 'other' }), { importKey: 'k1' });
    expect(other).toMatchObject({ ok: false, code: 'idempotency_key_reused' });
  });

  it("is its actor's own", async () => {
    const a = await accept(productText({ name: 'a' }), { importKey: 'mine' });
    const b = await importProduct(core.ctx, 'another', productText({ name: 'b' }), { importKey: 'mine' });
    expect(b.ok && b.value.product.spuId).not.toBe(a.product.spuId);
  });

  it('makes one product of eight at once', async () => {
    const text = productText({ name: 'raced', skus: [{ name: 'A' }, { name: 'B' }] });
    const all = await Promise.all(Array.from({ length: 8 }, () => accept(text, { importKey: 'raced' })));
    expect(new Set(all.map((one) => one.product.spuId)).size).toBe(1);
    expect(all.filter((one) => !one.replayed)).toHaveLength(1);
  });
});
