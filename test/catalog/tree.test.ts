import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSpu } from '../../core/catalog/catalog.import.ts';
import { changeState } from '../../core/catalog/catalog.ts';
import { addSkus } from '../../core/catalog/edits/add-skus.ts';
import {
  type CategoryWish,
  createCategory,
  editCategory,
  readCategory,
  requireAttribute,
} from '../../core/catalog/tree/tree.ts';
import { createWord, renameWord } from '../../core/catalog/words/words.ts';
import { type TestCore, testCore } from '../support/core.ts';

let core: TestCore;
let n = 0;
beforeAll(async () => {
  core = await testCore();
});
afterAll(() => core[Symbol.asyncDispose]());

async function made(parentId: number | null, wish: Partial<CategoryWish> = {}): Promise<number> {
  const result = await createCategory(core.ctx, 'a merchant', {
    parentId,
    name: `Category ${++n}`,
    ...(parentId === null ? { goodsKind: 'physical' as const } : {}),
    ...wish,
  });
  if (!result.ok) throw new Error(result.detail);
  return result.value.row.id;
}

const edit = (id: number, change: { version?: number; name?: string; parentId?: number | null }) =>
  editCategory(core.ctx, 'a merchant', { id, version: 0, ...change });

async function attribute(name: string): Promise<number> {
  const word = await createWord(core.ctx, 'a merchant', 'attribute', { name });
  if (!word.ok) throw new Error(word.detail);
  return word.value.word.id;
}

describe('the tree of categories', () => {
  it('has any depth, and a child is of its parent’s kind unless it says otherwise', async () => {
    let id = await made(null, { goodsKind: 'virtual' });
    const path = [id];
    for (let depth = 0; depth < 40; depth += 1) {
      id = await made(id);
      path.push(id);
    }
    const deepest = await readCategory(core.ctx.db, id);
    expect(deepest).toMatchObject({ ok: true, value: { row: { goods_kind: 'virtual' } } });
    if (deepest.ok) expect([...deepest.value.above.map((row) => row.id), id]).toEqual(path);
  });

  it('makes the same once, eight at once too, and refuses what is another', async () => {
    const parentId = await made(null);
    const wish = { parentId, name: 'the same' };
    const all = await Promise.all(Array.from({ length: 8 }, () => createCategory(core.ctx, 'a merchant', wish)));
    expect(new Set(all.map((one) => one.ok && one.value.row.id)).size).toBe(1);
    expect(all.filter((one) => one.ok && !one.value.replayed)).toHaveLength(1);
    const other = await createCategory(core.ctx, 'a merchant', { ...wish, goodsKind: 'virtual' });
    expect(other).toMatchObject({ code: 'name_taken' });
    expect(await createCategory(core.ctx, 'x', { parentId: 999_999_999, name: 'x' })).toMatchObject({
      code: 'category_unknown',
    });
    expect(await createCategory(core.ctx, 'x', { parentId: null, name: 'x' })).toMatchObject({
      code: 'invalid_request',
    });
  });

  it('moves a category with all below it, by version', async () => {
    const [a, b] = [await made(null), await made(null)];
    const child = await made(a);
    const grandchild = await made(child);
    expect(await edit(child, { parentId: b })).toMatchObject({ value: { parent_id: b, version: 1 } });
    expect(await readCategory(core.ctx.db, grandchild)).toMatchObject({ value: { above: [{ id: b }, { id: child }] } });
    expect(await edit(child, { name: 'late' })).toMatchObject({ code: 'stale_revision' });
    expect(await edit(child, { version: 1, name: 'in time' })).toMatchObject({
      value: { name: 'in time', version: 2 },
    });
    expect(await edit(999_999_999, { name: 'x' })).toMatchObject({ code: 'category_unknown' });
    await made(b, { name: 'taken' });
    expect(await edit(child, { version: 2, name: 'taken' })).toMatchObject({ code: 'name_taken' });
  });

  it('refuses a circle', async () => {
    const a = await made(null);
    const b = await made(a);
    const c = await made(b);
    for (const parentId of [a, b, c]) expect(await edit(a, { parentId })).toMatchObject({ code: 'category_circle' });
  });

  it('refuses a circle that two moves at once would make together', async () => {
    for (let round = 0; round < 10; round += 1) {
      const root = await made(null);
      const [a, b] = [await made(root), await made(root)];
      const moves = await Promise.all([edit(a, { parentId: b }), edit(b, { parentId: a })]);
      expect(moves.filter((move) => move.ok)).toHaveLength(1);
      expect(moves.find((move) => !move.ok)).toMatchObject({ code: 'category_circle' });
    }
  });
});

describe('what a category demands', () => {
  const document = (categoryId: number, attributes: readonly number[] = []) =>
    JSON.stringify({
      categoryId,
      spu: { name: 'A tyre' },
      basicAttributes: attributes.map((id) => ({ attributeId: id, attributeName: 'x', value: '205' })),
    });
  async function draft(categoryId: number, attributes: readonly number[] = []): Promise<number> {
    const spu = await createSpu(core.ctx, 'the platform', document(categoryId, attributes), `tyre-${++n}`);
    if (!spu.ok) throw new Error(spu.detail);
    return spu.value.product.spuId;
  }
  const skus = (attributes: readonly number[] = []) =>
    `{"skus": [{"skuName": "SKU ${++n}", "price": 79.00, "stock": 5, "salesAttributes": ${JSON.stringify(
      attributes.map((id) => ({ attributeId: id, attributeName: 'x', value: 'black' })),
    )}}]}`;
  const submit = (spuId: number) => changeState(core.ctx, 'the platform', spuId, 'submit', undefined);
  const demand = (categoryId: number, attributeId: number, required: boolean | null = true) =>
    requireAttribute(core.ctx, 'the platform', { categoryId, attributeId, required });

  it('is looked at when a product is submitted: on the product, or on each of its SKUs', async () => {
    const parent = await made(null);
    const categoryId = await made(parent);
    const width = await attribute('胎面宽度');
    expect(await demand(parent, width)).toMatchObject({
      value: { attributes: [{ attribute_id: width, required: true }] },
    });
    const without = await draft(categoryId);
    await addSkus(core.ctx, 'a merchant', without, skus(), 'first');
    expect(await submit(without)).toMatchObject({ code: 'product_invalid', errors: [{ path: 'basicAttributes' }] });
    const onProduct = await draft(categoryId, [width]);
    await addSkus(core.ctx, 'a merchant', onProduct, skus(), 'first');
    expect(await submit(onProduct)).toMatchObject({ ok: true });
    const onSkus = await draft(categoryId);
    await addSkus(core.ctx, 'a merchant', onSkus, skus([width]), 'first');
    await addSkus(core.ctx, 'a merchant', onSkus, skus(), 'second');
    expect(await submit(onSkus)).toMatchObject({ code: 'product_invalid' });
  });

  it('is what the nearest category says, and can be taken back', async () => {
    const parent = await made(null);
    const categoryId = await made(parent);
    const width = await attribute(`width ${++n}`);
    await demand(parent, width);
    await demand(categoryId, width, false);
    const spuId = await draft(categoryId);
    expect(await submit(spuId)).toMatchObject({ code: 'product_invalid', errors: [{ path: 'skus' }] });
    await addSkus(core.ctx, 'a merchant', spuId, skus(), 'first');
    expect(await submit(spuId)).toMatchObject({ ok: true });
    await demand(categoryId, width, null);
    expect(await readCategory(core.ctx.db, categoryId)).toMatchObject({
      value: { attributes: [{ required: true, category_id: parent }] },
    });
    await changeState(core.ctx, 'the platform', spuId, 'approve', undefined);
    expect(await changeState(core.ctx, 'the platform', spuId, 'publish', undefined)).toMatchObject({
      code: 'product_invalid',
    });
    expect(await demand(categoryId, 999_999_999)).toMatchObject({ code: 'attribute_unknown' });
    expect(await demand(999_999_999, width)).toMatchObject({ code: 'category_unknown' });
  });
});

describe('brands, attributes and tags', () => {
  it.each(['brand', 'attribute', 'tag'] as const)(
    'a %s is made once by its name and renamed by its version',
    async (kind) => {
      const make = (name: string, id?: number) => createWord(core.ctx, 'a merchant', kind, { name, id });
      const all = await Promise.all(Array.from({ length: 6 }, () => make(`one ${kind}`)));
      const ids = new Set(all.map((one) => one.ok && one.value.word.id));
      expect(ids.size).toBe(1);
      expect(all.filter((one) => one.ok && !one.value.replayed)).toHaveLength(1);
      await make(`two ${kind}`, 4_711);
      expect(await make(`three ${kind}`, 4_711)).toMatchObject({ code: 'name_taken' });
      const rename = (version: number, name: string, id = 4_711) =>
        renameWord(core.ctx, 'a merchant', kind, { id, version, name });
      const both = await Promise.all([rename(0, 'a'), rename(0, 'b')]);
      expect(both.filter((one) => one.ok)).toHaveLength(1);
      expect(both.find((one) => !one.ok)).toMatchObject({ code: 'stale_revision' });
      expect(await rename(1, `one ${kind}`)).toMatchObject({ code: 'name_taken' });
      expect(await rename(0, 'x', 999_999)).toMatchObject({ code: `${kind}_unknown` });
    },
  );
});
