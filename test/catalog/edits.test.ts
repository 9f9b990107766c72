import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSpu } from '../../core/catalog/catalog.import.ts';
import type { Product } from '../../core/catalog/catalog.read.ts';
import { changeState } from '../../core/catalog/catalog.ts';
import { addSkus } from '../../core/catalog/edits/add-skus.ts';
import { editRoutes } from '../../core/catalog/edits/edits.routes.ts';
import { editProduct, editSku, tagProduct } from '../../core/catalog/edits/edits.ts';
import { addPrice } from '../../core/catalog/prices/prices.ts';
import { createWord } from '../../core/catalog/words/words.ts';
import { money } from '../../core/kernel/money.ts';
import { operationRoutes } from '../../core/operations/operations.routes.ts';
import { onShelf, PHYSICAL, VIRTUAL } from '../support/catalogue.ts';
import { type CoreClient, type TestCore, testCore } from '../support/core.ts';

let core: TestCore;
let http: CoreClient;
let n = 0;
beforeAll(async () => {
  core = await testCore();
  http = await core.http([editRoutes(core.ctx), operationRoutes(core.ctx)]);
});
afterAll(() => core[Symbol.asyncDispose]());

const shirt = (): Promise<Product> => onShelf(core.ctx, { name: `Shirt ${++n}`, skus: [{ name: 'L' }, { name: 'M' }] });

function first({ skus }: Product) {
  const [sku] = skus;
  if (sku === undefined) throw new Error('no SKU');
  return sku;
}

async function snapshot(id: string) {
  const [row] = await core.ctx.db.query({ text: 'SELECT content FROM core.snapshot WHERE id = $1', values: [id] });
  return row?.['content'];
}

describe('an edit of a product', () => {
  it('gives its SKUs and their prices new snapshots, counts, and is written down', async () => {
    const before = await shirt();
    const { skuId } = first(before);
    const to = new Date(core.ctx.clock.now().getTime() + 3_600_000);
    await addPrice(core.ctx, 'a merchant', skuId, { type: 'flash', price: money(5_000, 'CNY'), to }, 'flash');
    const edited = await editProduct(core.ctx, 'a merchant', before.spuId, before.version, { name: 'A better name' });
    expect(edited).toMatchObject({ value: { name: 'A better name', version: before.version + 1 } });
    if (!edited.ok) return;
    const [sku, other] = edited.value.skus;
    expect(await snapshot(sku?.snapshotId ?? '')).toMatchObject({ product: { name: 'A better name' }, price: 5_000 });
    expect(await snapshot(other?.snapshotId ?? '')).toMatchObject({ product: { name: 'A better name' }, price: 7_900 });
    expect(await snapshot(first(before).snapshotId)).toMatchObject({ product: { name: before.name } });
    expect(edited.value.revision).toBeGreaterThan(before.revision);
  });

  it('back to what it was finds the first snapshot again: equal content is one row', async () => {
    const before = await shirt();
    await editProduct(core.ctx, 'a merchant', before.spuId, before.version, { name: 'Another' });
    const back = await editProduct(core.ctx, 'a merchant', before.spuId, before.version + 1, { name: before.name });
    expect(back.ok && first(back.value).snapshotId).toBe(first(before).snapshotId);
  });

  it('of two at once is made once, by its version', async () => {
    const { spuId, version } = await shirt();
    const edits = await Promise.all(
      ['a', 'b', 'c'].map((name) => editProduct(core.ctx, 'a merchant', spuId, version, { name })),
    );
    expect(edits.filter((edit) => edit.ok)).toHaveLength(1);
    expect(edits.filter((edit) => !edit.ok && edit.code === 'stale_revision')).toHaveLength(2);
  });

  it('refuses what does not fit', async () => {
    const { spuId, version } = await shirt();
    const edit = (change: Parameters<typeof editProduct>[4], id = spuId) =>
      editProduct(core.ctx, 'a merchant', id, version, change);
    expect(await edit({ brandId: 987 })).toMatchObject({ code: 'brand_unknown' });
    expect(await edit({ categoryId: 987 })).toMatchObject({ code: 'category_unknown' });
    expect(await edit({ categoryId: VIRTUAL })).toMatchObject({ code: 'product_invalid' });
    expect(await edit({ name: 'x' }, 999_999)).toMatchObject({ code: 'product_unknown' });
    expect(await edit({ brandId: 2001, categoryId: 1001001 })).toMatchObject({
      value: { brandId: 2001, categoryId: 1001001 },
    });
  });

  it('waits while it is audited, and is over when it is deleted', async () => {
    const { spuId, version } = await shirt();
    await changeState(core.ctx, 'a merchant', spuId, 'unpublish', undefined);
    expect(await changeState(core.ctx, 'a merchant', spuId, 'delete', undefined)).toMatchObject({
      code: 'reason_missing',
    });
    expect(await changeState(core.ctx, 'a merchant', spuId, 'delete', 'gone')).toMatchObject({
      value: { state: 'DELETED' },
    });
    const late = await editProduct(core.ctx, 'a merchant', spuId, version + 2, { name: 'x' });
    expect(late).toMatchObject({ code: 'wrong_state' });
  });
});

describe('an edit of a SKU', () => {
  it('goes by its own version, and its name is its own', async () => {
    const product = await shirt();
    const { skuId } = first(product);
    const attributes = [{ attributeId: '201', attributeName: '颜色', value: '黑色' }];
    const edited = await editSku(core.ctx, 'a merchant', skuId, 0, { name: 'XL', attributes });
    expect(edited.ok && first(edited.value)).toMatchObject({ name: 'XL', attributes, version: 1 });
    expect(await editSku(core.ctx, 'a merchant', skuId, 0, { name: 'XXL' })).toMatchObject({ code: 'stale_revision' });
    expect(await editSku(core.ctx, 'a merchant', skuId, 1, { name: 'M' })).toMatchObject({ code: 'name_taken' });
    expect(await editSku(core.ctx, 'a merchant', 999_999_999, 1, {})).toMatchObject({ code: 'sku_unknown' });
  });
});

describe('SKUs on an SPU', () => {
  const spu = (key: string, name = 'A tyre') =>
    createSpu(core.ctx, 'the platform', JSON.stringify({ categoryId: PHYSICAL, spu: { name } }), key);
  const sku = (name: string, price = '79.00') => `{"skus": [{"skuName": "${name}", "price": ${price}, "stock": 7}]}`;

  it('are added once, by whoever sends them however often, and sold when it is published', async () => {
    const made = await spu('spu-1');
    expect(await spu('spu-1')).toMatchObject({ value: { replayed: true } });
    expect(await spu('spu-1', 'Another')).toMatchObject({ code: 'idempotency_key_reused' });
    if (!made.ok) throw new Error(made.detail);
    const { spuId } = made.value.product;
    const add = (text: string, key: string) => addSkus(core.ctx, 'a merchant', spuId, text, key);
    const all = await Promise.all(Array.from({ length: 5 }, () => add(sku('205/55 R16'), 'a')));
    expect(all.every((one) => one.ok && one.value.product.skus.length === 1)).toBe(true);
    expect(all.filter((one) => one.ok && !one.value.replayed)).toHaveLength(1);
    expect(await add(sku('225/45 R17'), 'a')).toMatchObject({ code: 'idempotency_key_reused' });
    expect(await add(sku('205/55 R16'), 'b')).toMatchObject({ code: 'name_taken' });
    expect(await add(sku('x', '79.005'), 'c')).toMatchObject({ code: 'amount_invalid' });
    expect(await add(`{"currency": "EUR", ${sku('x').slice(1)}`, 'd')).toMatchObject({ code: 'currency_mismatch' });
    await changeState(core.ctx, 'the platform', spuId, 'submit', undefined);
    expect(await add(sku('x'), 'e')).toMatchObject({ code: 'wrong_state' });
    await changeState(core.ctx, 'the platform', spuId, 'approve', undefined);
    await changeState(core.ctx, 'the platform', spuId, 'publish', undefined);
    expect(await add(sku('225/45 R17'), 'f')).toMatchObject({
      value: { product: { state: 'ON_SHELF', skus: [{ stock: { onHand: 7 } }, { stock: { onHand: 7 } }] } },
    });
    expect(await addSkus(core.ctx, 'x', 999_999, sku('x'), 'g')).toMatchObject({ code: 'product_unknown' });
  });
});

it('tags are those that are given, and no others', async () => {
  const { spuId } = await shirt();
  const tag = await createWord(core.ctx, 'a merchant', 'tag', { name: '双十一' });
  const tagId = tag.ok ? tag.value.word.id : 0;
  const give = (ids: number[]) => tagProduct(core.ctx, 'a merchant', spuId, ids);
  expect(await give([tagId, tagId])).toMatchObject({ value: { tags: [{ tagId: String(tagId), name: '双十一' }] } });
  expect(await give([tagId, 987])).toMatchObject({ code: 'tag_unknown' });
  expect(await give([])).toMatchObject({ value: { tags: [] } });
});

it('edits and the log of them go over HTTP', async () => {
  const { spuId, version } = await shirt();
  const path = `/v1/products/${spuId}`;
  const edit = (body: unknown, match: string | undefined = `"${version}"`) =>
    http.send('merchant', 'PATCH', path, body, match === '' ? {} : { 'if-match': match });
  const answer = await edit({ description: 'soft' });
  expect(answer).toMatchObject({ status: 200, body: { description: 'soft' } });
  expect(answer.headers.get('etag')).toBe(`"${version + 1}"`);
  expect(await edit({ description: 'softer' })).toMatchObject({ status: 412, body: { code: 'stale_revision' } });
  expect(await edit({ description: 'softer' }, '')).toMatchObject({ status: 428, body: { code: 'if_match_missing' } });
  expect(await edit({ desciption: 'x' })).toMatchObject({ status: 422 });
  expect((await http.send('shop', 'PATCH', path, {}, { 'if-match': '"0"' })).status).toBe(403);

  const log = `/v1/operations?entityType=product&entityId=${spuId}&limit=2`;
  const page = await http.send('viewer', 'GET', log);
  expect(page.body).toMatchObject({
    items: [
      { operation: 'edit', before: { description: '' }, after: { description: 'soft' } },
      { operation: 'publish' },
    ],
  });
  const rest = await http.send('viewer', 'GET', `${log}&cursor=${page.body['next']}`);
  expect(rest.body).toMatchObject({ items: [{ operation: 'approve' }, { operation: 'submit' }] });
  expect((await http.send('viewer', 'GET', '/v1/operations?limit=3')).body['items']).toHaveLength(3);
  expect((await http.send('viewer', 'GET', '/v1/operations?entityType=product')).status).toBe(422);
});
