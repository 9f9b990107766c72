import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { catalogRoutes } from '../../core/catalog/catalog.routes.ts';
import { stockRoutes } from '../../core/stock/stock.routes.ts';
import { type Reply, readReply } from '../support/app.ts';
import { onShelf, PHYSICAL, productText, skusOnShelf, VIRTUAL } from '../support/catalogue.ts';
import { type CoreClient, type TestCore, testCore } from '../support/core.ts';

let core: TestCore;
let http: CoreClient;
let keys = 0;
beforeAll(async () => {
  core = await testCore();
  http = await core.http([catalogRoutes(core.ctx), stockRoutes(core.ctx)]);
});
afterAll(() => core[Symbol.asyncDispose]());

const key = (value = `catalog-${++keys}`) => ({ 'idempotency-key': value });

/** Sends the text as it is: the product format is more than JSON. */
async function upload(text: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = key()): Promise<Reply> {
  return readReply(
    await http.app.request('/v1/products', {
      method: 'POST',
      body: text,
      headers: { 'content-type': 'application/json', ...(await http.as('merchant')), ...headers },
    }),
  );
}

describe('POST /v1/products', () => {
  it.each(['t-shirt', 'mobile-data'])("takes the source's %s as it stands", async (name) => {
    const text = await readFile(new URL(`../../core/catalog/demo/${name}.jsonc`, import.meta.url), 'utf8');
    const { status, body } = await upload(text);
    expect(status).toBe(201);
    expect(body).toMatchObject({
      spuId: expect.stringMatching(/^\d+$/),
      state: { code: '0', name: 'DRAFT' },
      version: 0,
    });
    expect(await http.send('viewer', 'GET', `/v1/products/${body['spuId']}`)).toMatchObject({ status: 200, body });
  });

  it('answers a repeated key with 200 and the same product, and refuses another one under it', async () => {
    const headers = key();
    const first = await upload(productText({ name: 'once' }), headers);
    const again = await upload(productText({ name: 'once' }), headers);
    expect([first.status, again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 200, 'true']);
    expect(again.body).toEqual(first.body);
    const other = await upload(productText({ name: 'other' }), headers);
    expect({ status: other.status, code: other.body['code'] }).toEqual({ status: 409, code: 'idempotency_key_reused' });
  });

  it.each([
    ['an unknown field', () => productText().replace('"spu"', '"x": 1, "spu"'), 422, 'invalid_request'],
    ['an amount with too many digits', () => productText({ skus: [{ price: '79.005' }] }), 422, 'amount_invalid'],
    ['a negative amount', () => productText({ skus: [{ price: '-79' }] }), 422, 'amount_invalid'],
    ['a zero amount', () => productText({ skus: [{ price: '0' }] }), 422, 'amount_invalid'],
    ['an amount beyond 2^53', () => productText({ skus: [{ price: '90071992547409.93' }] }), 422, 'amount_invalid'],
    [
      'an amount beyond the largest',
      () => productText({ skus: [{ price: '9007199254740993' }] }),
      422,
      'amount_invalid',
    ],
    ['an unknown category', () => productText({ categoryId: 5 }), 422, 'category_unknown'],
    ['broken JSON', () => '{"categoryId": ', 400, 'malformed_json'],
    ['an empty body', () => '', 400, 'malformed_json'],
    ['a body of 2 MiB', () => `// ${'x'.repeat(2 * 1024 * 1024)}\n${productText()}`, 413, 'body_too_large'],
  ])('answers %s', async (_what, text, status, code) => {
    const answer = await upload(text());
    expect({ status: answer.status, code: answer.body['code'] }).toEqual({ status, code });
  });

  it('refuses broken UTF-8 and a missing key', async () => {
    expect(await upload(new Uint8Array([0x7b, 0xc3, 0x28, 0x7d]))).toMatchObject({
      status: 400,
      body: { code: 'malformed_text' },
    });
    expect(await upload(productText(), {})).toMatchObject({ status: 400, body: { code: 'idempotency_key_missing' } });
  });

  it.each(['shop', 'viewer', 'operator', 'instance'] as const)('is not for a %s', async (role) => {
    expect((await http.send(role, 'POST', '/v1/products', {}, key())).status).toBe(403);
  });
});

describe('the life cycle', () => {
  const say = (spuId: unknown, command: string, body?: unknown) =>
    http.send('merchant', 'POST', `/v1/products/${spuId}/${command}`, body);

  it('goes from draft to shelf and back, with an operation log', async () => {
    const spuId = (await upload(productText())).body['spuId'];
    const path: [string, unknown, string][] = [
      ['submit', undefined, '1'],
      ['reject', { reason: 'no picture' }, '2'],
      ['submit', undefined, '1'],
      ['approve', undefined, '3'],
      ['publish', undefined, '10'],
      ['unpublish', undefined, '11'],
      ['publish', undefined, '10'],
      ['freeze', { reason: 'complaints' }, '20'],
      ['unfreeze', undefined, '11'],
    ];
    for (const [command, body, code] of path) {
      const answer = await say(spuId, command, body);
      expect({ command, status: answer.status, code: (answer.body['state'] as { code: string }).code }).toEqual({
        command,
        status: 200,
        code,
      });
    }
    const log = await core.ctx.db.query({
      text: `SELECT operation, actor FROM core.operation_log WHERE entity_type = 'product' AND entity_id = $1 ORDER BY id`,
      values: [spuId],
    });
    expect(log.map((row) => row['operation'])).toEqual(['import', ...path.map(([command]) => command)]);
    expect(new Set(log.map((row) => row['actor']))).toEqual(new Set(['a merchant']));
  });

  it('refuses what the state does not allow, and takes the same twice', async () => {
    const spuId = (await upload(productText())).body['spuId'];
    expect(await say(spuId, 'publish')).toMatchObject({ status: 409, body: { code: 'wrong_state' } });
    expect(await say(spuId, 'submit')).toMatchObject({ status: 200 });
    expect(await say(spuId, 'submit')).toMatchObject({ status: 200, body: { version: 1 } });
    expect(await say(spuId, 'freeze', { reason: 'x' })).toMatchObject({ status: 409 });
  });

  it('of two people at once moves once', async () => {
    const spuId = (await upload(productText())).body['spuId'];
    await say(spuId, 'submit');
    const answers = await Promise.all([
      say(spuId, 'approve'),
      say(spuId, 'approve'),
      say(spuId, 'reject', { reason: 'no' }),
    ]);
    const final = await http.send('viewer', 'GET', `/v1/products/${spuId}`);
    expect(final.body['version']).toBe(2);
    expect(answers.filter((a) => a.status === 200).length).toBeGreaterThanOrEqual(1);
    expect(answers.every((a) => a.status === 200 || a.status === 409)).toBe(true);
  });

  it('needs reasons where they matter, and reads bodies strictly', async () => {
    const spuId = (await upload(productText())).body['spuId'];
    await say(spuId, 'submit');
    expect(await say(spuId, 'reject')).toMatchObject({ status: 422, body: { code: 'reason_missing' } });
    expect(await say(spuId, 'approve', { reson: 'x' })).toMatchObject({
      status: 422,
      body: { code: 'invalid_request' },
    });
    expect(await say(999_999, 'approve')).toMatchObject({ status: 404, body: { code: 'product_unknown' } });
    expect(await say('x', 'approve')).toMatchObject({ status: 422 });
    expect((await http.send('shop', 'POST', `/v1/products/${spuId}/approve`)).status).toBe(403);
  });
});

describe('GET /v1/products', () => {
  it('filters by state, category and the beginning of the name, and pages', async () => {
    for (let i = 0; i < 5; i += 1)
      await onShelf(core.ctx, {
        name: `Paged ${i}`,
        categoryId: VIRTUAL,
        skus: [{ price: '5.00' }, { price: '7.00' }],
      });
    await upload(productText({ name: 'Paged draft', categoryId: VIRTUAL }));
    const seen: string[] = [];
    let cursor = '';
    do {
      const { status, body } = await http.send(
        'shop',
        'GET',
        `/v1/products?state=ON_SHELF&categoryId=${VIRTUAL}&name=Paged&limit=2${cursor}`,
      );
      expect(status).toBe(200);
      for (const item of body['items'] as { name: string }[]) seen.push(item.name);
      cursor = body['next'] === null ? '' : `&cursor=${body['next']}`;
    } while (cursor !== '');
    expect(seen).toEqual(['Paged 4', 'Paged 3', 'Paged 2', 'Paged 1', 'Paged 0']);
    const { body } = await http.send('viewer', 'GET', '/v1/products?name=Paged%200');
    expect(body['items']).toMatchObject([
      {
        skuCount: 2,
        priceFrom: { amount: 500, currency: 'CNY' },
        priceTo: { amount: 700, currency: 'CNY' },
        state: { code: '10', name: 'ON_SHELF' },
      },
    ]);
  });

  it.each(['?state=SOLD', '?categoryId=x', '?limit=201', '?extra=1', '?cursor=x'])('refuses %s', async (query) => {
    expect((await http.send('viewer', 'GET', `/v1/products${query}`)).status).toBe(422);
  });

  it('takes % and _ in a name for themselves', async () => {
    expect((await http.send('viewer', 'GET', '/v1/products?name=%25')).body['items']).toEqual([]);
  });
});

describe('POST /v1/skus/{skuId}/price', () => {
  const set = (skuId: unknown, body: unknown) => http.send('merchant', 'POST', `/v1/skus/${skuId}/price`, body);
  const cny = (amount: unknown) => ({ price: { amount, currency: 'CNY' } });

  it('makes a new snapshot, and none for the same price', async () => {
    const [skuId] = await skusOnShelf(core.ctx, { name: `Priced ${++keys}` });
    const first = await set(skuId, cny(7_900));
    const dearer = await set(skuId, cny(8_000));
    const back = await set(skuId, cny(7_900));
    expect(dearer.body).toMatchObject({ skuId: String(skuId), price: { amount: 8_000, currency: 'CNY' } });
    expect(dearer.body['snapshotId']).not.toBe(first.body['snapshotId']);
    expect(back.body['snapshotId']).toBe(first.body['snapshotId']);
    const log = await core.ctx.db.query({
      text: `SELECT before->>'price' AS before, after->>'price' AS after FROM core.operation_log WHERE entity_type = 'sku' AND entity_id = $1 ORDER BY id`,
      values: [String(skuId)],
    });
    expect(log).toEqual([
      { before: '7900', after: '8000' },
      { before: '8000', after: '7900' },
    ]);
  });

  it.each([
    ['an unknown SKU', 999_999_999, cny(1), 404, 'sku_unknown'],
    ['another currency', undefined, { price: { amount: 1, currency: 'EUR' } }, 409, 'currency_mismatch'],
    ['nothing', undefined, cny(0), 422, 'amount_invalid'],
    ['less than nothing', undefined, cny(-1), 422, 'invalid_request'],
    ['half a unit', undefined, cny(1.5), 422, 'invalid_request'],
    ['beyond 2^53', undefined, cny(2 ** 53 + 2), 422, 'invalid_request'],
    ['a decimal text', undefined, cny('79.00'), 422, 'invalid_request'],
    ['an unknown field', undefined, { ...cny(1), until: 'tomorrow' }, 422, 'invalid_request'],
  ])('refuses %s', async (_what, unknown, body, status, code) => {
    const [skuId] = await skusOnShelf(core.ctx);
    const answer = await set(unknown ?? skuId, body);
    expect({ status: answer.status, code: answer.body['code'] }).toEqual({ status, code });
  });

  it('takes 0 where it is meant', async () => {
    const [skuId] = await skusOnShelf(core.ctx);
    expect(await set(skuId, { ...cny(0), free: true })).toMatchObject({
      status: 200,
      body: { free: true, price: { amount: 0 } },
    });
  });
});

describe('POST /v1/skus/{skuId}/stock', () => {
  const move = (skuId: unknown, body: unknown, headers = key()) =>
    http.send('merchant', 'POST', `/v1/skus/${skuId}/stock`, body, headers);

  it('books goods that came in and corrected counts', async () => {
    const [skuId] = await skusOnShelf(core.ctx, { skus: [{ stock: 5 }] });
    expect(await move(skuId, { kind: 'inbound', quantity: 10, reason: 'delivery 7' })).toMatchObject({
      status: 200,
      body: { skuId: String(skuId), stock: { onHand: 15, reserved: 0, sold: 0 } },
    });
    expect(await move(skuId, { kind: 'adjust', quantity: -4, reason: 'count' })).toMatchObject({
      body: { stock: { onHand: 11 } },
    });
    expect(
      await core.ctx.db.query({
        text: 'SELECT initial, inbound, adjusted FROM core.stock WHERE sku_id = $1',
        values: [skuId],
      }),
    ).toEqual([{ initial: 5, inbound: 10, adjusted: -4 }]);
  });

  it('counts a repeated key once, eight at once too, and refuses it for another movement', async () => {
    const [skuId] = await skusOnShelf(core.ctx, { skus: [{ stock: 0 }] });
    const headers = key();
    const body = { kind: 'inbound', quantity: 3, reason: 'r' };
    const all = await Promise.all(Array.from({ length: 8 }, () => move(skuId, body, headers)));
    expect(all.map((a) => a.status)).toEqual(Array(8).fill(200));
    expect(all.filter((a) => a.headers.get('idempotency-replayed') === null)).toHaveLength(1);
    expect((await move(skuId, body, headers)).body).toEqual({
      skuId: String(skuId),
      stock: { onHand: 3, reserved: 0, sold: 0 },
    });
    expect(await move(skuId, { ...body, quantity: 4 }, headers)).toMatchObject({
      status: 409,
      body: { code: 'idempotency_key_reused' },
    });
  });

  it.each([
    ['more than there is', { kind: 'adjust', quantity: -6, reason: 'r' }, 409, 'sold_out'],
    ['0 pieces', { kind: 'adjust', quantity: 0, reason: 'r' }, 422, 'invalid_request'],
    ['inbound below 0', { kind: 'inbound', quantity: -1, reason: 'r' }, 422, 'invalid_request'],
    ['beyond the limit', { kind: 'inbound', quantity: 1e9, reason: 'r' }, 422, 'invalid_request'],
    ['without reason', { kind: 'inbound', quantity: 1 }, 422, 'invalid_request'],
    ['half a piece', { kind: 'inbound', quantity: 0.5, reason: 'r' }, 422, 'invalid_request'],
    ['an unknown kind', { kind: 'lost', quantity: 1, reason: 'r' }, 422, 'invalid_request'],
  ])('refuses %s and changes nothing', async (_what, body, status, code) => {
    const [skuId] = await skusOnShelf(core.ctx, { skus: [{ stock: 5 }] });
    const answer = await move(skuId, body);
    expect({ status: answer.status, code: answer.body['code'] }).toEqual({ status, code });
    expect(
      await core.ctx.db.query({ text: 'SELECT on_hand FROM core.stock WHERE sku_id = $1', values: [skuId] }),
    ).toEqual([{ on_hand: 5 }]);
    expect(
      await core.ctx.db.query({ text: `SELECT kind FROM core.stock_movement WHERE sku_id = $1`, values: [skuId] }),
    ).toEqual([{ kind: 'initial' }]);
  });

  it('refuses unknown and uncounted SKUs, no key and the wrong role', async () => {
    const [skuId] = await skusOnShelf(core.ctx, { categoryId: PHYSICAL, skus: [{ infinite: true }] });
    const body = { kind: 'inbound', quantity: 1, reason: 'r' };
    expect(await move(999_999_999, body)).toMatchObject({ status: 404, body: { code: 'sku_unknown' } });
    expect(await move(skuId, body)).toMatchObject({ status: 409, body: { code: 'wrong_state' } });
    expect(await http.send('merchant', 'POST', `/v1/skus/${skuId}/stock`, body)).toMatchObject({
      status: 400,
      body: { code: 'idempotency_key_missing' },
    });
    expect((await http.send('shop', 'POST', `/v1/skus/${skuId}/stock`, body, key())).status).toBe(403);
  });
});
