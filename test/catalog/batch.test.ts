import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { batchRoutes } from '../../core/catalog/batch/batch.routes.ts';
import { importBatch } from '../../core/catalog/batch/batch.ts';
import { MAX_ROW_BYTES, type RowFormat, rowsOf } from '../../core/catalog/batch/rows.ts';
import { readReply } from '../support/app.ts';
import { productText } from '../support/catalogue.ts';
import { type CoreClient, type TestCore, testCore } from '../support/core.ts';

let core: TestCore;
let http: CoreClient;
let n = 0;
beforeAll(async () => {
  core = await testCore();
  http = await core.http([batchRoutes(core.ctx)]);
});
afterAll(() => core[Symbol.asyncDispose]());

const NEVER = new AbortController().signal;
const bytes = (text: string) => new TextEncoder().encode(text);

/** The text in pieces of that size, and then the line dies where it is said to. */
async function* pieces(text: string, size: number, diesAfter = Number.POSITIVE_INFINITY): AsyncGenerator<Uint8Array> {
  const all = bytes(text);
  for (let at = 0; at < all.length; at += size) {
    if (at >= diesAfter) throw new Error('the line died');
    yield all.subarray(at, at + size);
  }
}

const send = (text: string, key: string, options: { format?: RowFormat; diesAfter?: number; actor?: string } = {}) =>
  importBatch(
    core.ctx,
    {
      actor: options.actor ?? 'a merchant',
      key,
      format: options.format ?? 'lines',
      body: pieces(text, 1_000, options.diesAfter),
    },
    NEVER,
  );

/** Lines of products that no other test has. */
const lines = (count: number): string[] =>
  Array.from({ length: count }, () => productText({ name: `Imported ${++n}` }));

async function products(names: string): Promise<number> {
  const [row] = await core.ctx.db.query<{ n: number }>({
    text: 'SELECT count(*) AS n FROM core.spu WHERE name LIKE $1',
    values: [names],
  });
  return row?.n ?? 0;
}

describe('rows of a stream', () => {
  const cut = async (text: string, format: RowFormat, size: number) => {
    const rows: string[] = [];
    for await (const row of rowsOf(pieces(text, size), format)) rows.push('text' in row ? row.text : row.broken);
    return rows;
  };

  it('are the same however the bytes arrive', async () => {
    const array = '// 商品\n[ {"a": "}],{\\"", "b": [1, {"c": 2}]} , /* [ */ {"d": "棉//"}\n]\n';
    const expected = ['{"a": "}],{\\"", "b": [1, {"c": 2}]}', '{"d": "棉//"}'];
    for (let size = 1; size < 20; size += 1) {
      expect(await cut(array, 'array', size)).toEqual(expected);
      expect(await cut('{"a":1}\r\n\n  \n{"b":"棉"}', 'lines', size)).toEqual(['{"a":1}\r', '{"b":"棉"}']);
    }
    expect(await cut(' [] ', 'array', 3)).toEqual([]);
  });

  it.each(['', '{"a":1}', '[{"a":1}', '[{"a":1} {"b":2}]', '[1]', '[{}] x', '[,{}]'])(
    'refuse what is no array: %s',
    async (text) => {
      await expect(cut(text, 'array', 2)).rejects.toThrow('malformed_json');
    },
  );

  it('are told apart from what is too large or not UTF-8', async () => {
    const large = `{"a":"${'x'.repeat(MAX_ROW_BYTES)}"}`;
    expect(await cut(`{}\n${large}\n{}`, 'lines', 65_536)).toEqual(['{}', 'too large', '{}']);
    expect(await cut(`[{}, ${large}, {}]`, 'array', 65_536)).toEqual(['{}', 'too large', '{}']);
    const rows = [];
    const broken = (async function* () {
      yield new Uint8Array([0x7b, 0xc3, 0x28, 0x7d, 0x0a]);
    })();
    for await (const row of rowsOf(broken, 'lines')) rows.push(row);
    expect(rows).toEqual([{ broken: 'not UTF-8' }]);
  });
});

describe('an import', () => {
  it('makes each product, and tells of each row', async () => {
    const [one = '', two = ''] = lines(2);
    const text = [one, '{"categoryId": ', two, one, productText({ categoryId: 5 })].join('\n');
    const done = await send(text, 'mixed');
    expect(done).toMatchObject({ value: { rows_done: 5, made: 2, repeated: 1, refused: 2, finished: true } });
    const rows = await core.ctx.db.query({
      text: 'SELECT n, outcome, code FROM core.import_row WHERE batch_id = $1 ORDER BY n',
      values: [done.ok ? done.value.id : ''],
    });
    expect(rows.map((row) => [row['outcome'], row['code']])).toEqual([
      ['made', null],
      ['refused', 'malformed_json'],
      ['made', null],
      ['repeated', null],
      ['refused', 'category_unknown'],
    ]);
  });

  it('takes an array with comments, as the source writes its products', async () => {
    const text = `[ // 两件\n${lines(2).join(',\n')}\n]`;
    expect(await send(text, 'array', { format: 'array' })).toMatchObject({ value: { made: 2 } });
  });

  it('that broke off goes on where it was when it is sent again', async () => {
    const all = lines(300);
    const text = all.join('\n');
    await expect(send(text, 'broken', { diesAfter: text.length / 2 })).rejects.toThrow('the line died');
    const [half] = await core.ctx.db.query<{ rows_done: number; finished: boolean }>({
      text: `SELECT rows_done, finished FROM core.import_batch WHERE idempotency_key = 'broken'`,
    });
    expect(half).toMatchObject({ finished: false });
    expect(half?.rows_done).toBeGreaterThanOrEqual(100);
    expect(half?.rows_done).toBeLessThan(200);
    const done = await send(text, 'broken');
    expect(done).toMatchObject({ value: { rows_done: 300, made: 300, repeated: 0, refused: 0, finished: true } });
    expect(await send(text, 'broken')).toEqual(done);
  });

  it('of the same file under another key makes nothing twice', async () => {
    const text = lines(120).join('\n');
    await send(text, 'first');
    const before = await products('Imported %');
    expect(await send(text, 'second')).toMatchObject({ value: { made: 0, repeated: 120, finished: true } });
    expect(await products('Imported %')).toBe(before);
    expect(await send(text, 'first', { actor: 'another merchant' })).toMatchObject({ value: { made: 120 } });
  });

  it('refuses another file under its key: other rows, fewer, more', async () => {
    const all = lines(60);
    await send(all.join('\n'), 'kept');
    for (const other of [lines(60), all.slice(0, 59), [...all, ...lines(1)]]) {
      expect(await send(other.join('\n'), 'kept')).toMatchObject({ code: 'idempotency_key_reused' });
    }
  });

  it('sent twice at once makes each product once', async () => {
    const all = lines(200);
    const text = all.join('\n');
    const both = await Promise.all([send(text, 'at once'), send(text, 'at once'), send(text, 'at once too')]);
    for (const one of both) if (!one.ok) expect(one.code).toBe('import_under_way');
    expect(await send(text, 'at once')).toMatchObject({ value: { rows_done: 200, finished: true } });
    const names = all.map((line) => /"name": "([^"]+)"/.exec(line)?.[1]);
    const rows = await core.ctx.db.query({
      text: 'SELECT name, count(*) AS n FROM core.spu WHERE name = ANY($1) GROUP BY name HAVING count(*) <> 1',
      values: [names],
    });
    expect(rows).toEqual([]);
    expect(await products('Imported %')).toBeGreaterThanOrEqual(200);
  });

  it('keeps what was written before an array turned out to be none', async () => {
    const text = `[${lines(60).join(',')}, nonsense`;
    expect(await send(text, 'nonsense', { format: 'array' })).toMatchObject({ code: 'malformed_json' });
    const [row] = await core.ctx.db.query({
      text: `SELECT rows_done, finished FROM core.import_batch WHERE idempotency_key = 'nonsense'`,
    });
    expect(row).toEqual({ rows_done: 50, finished: false });
  });
});

it('goes over HTTP, with its rows by page', async () => {
  const upload = async (body: string, type: string, key: string | undefined = `http-${++n}`) =>
    readReply(
      await http.app.request('/v1/imports', {
        method: 'POST',
        body,
        headers: {
          'content-type': type,
          ...(await http.as('merchant')),
          ...(key === '' ? {} : { 'idempotency-key': key }),
        },
      }),
    );
  const done = await upload([...lines(2), '{'].join('\n'), 'application/x-ndjson');
  expect(done).toMatchObject({ status: 200, body: { rows: 3, made: 2, refused: 1, finished: true } });
  const path = `/v1/imports/${done.body['importId']}`;
  expect((await http.send('viewer', 'GET', path)).body).toEqual(done.body);
  const page = await http.send('viewer', 'GET', `${path}/rows?limit=2`);
  expect(page.body).toMatchObject({ items: [{ row: 1, outcome: 'made' }, { row: 2 }] });
  const rest = await http.send('viewer', 'GET', `${path}/rows?limit=2&cursor=${page.body['next']}`);
  expect(rest.body).toMatchObject({ items: [{ row: 3, outcome: 'refused', code: 'malformed_json' }], next: null });
  const refused = await http.send('viewer', 'GET', `${path}/rows?outcome=refused`);
  expect(refused.body).toMatchObject({ items: [{ row: 3 }] });
  expect(await upload('x', 'text/csv')).toMatchObject({ status: 415 });
  expect(await upload('[]', 'application/json', '')).toMatchObject({ body: { code: 'idempotency_key_missing' } });
  expect((await http.send('viewer', 'GET', '/v1/imports/imp_x')).body).toMatchObject({ code: 'import_unknown' });
  expect((await http.send('shop', 'POST', '/v1/imports', [], { 'idempotency-key': 'x' })).status).toBe(403);
});
