import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { switchFlipped, switchView } from '../../control/api/contract.ts';
import { type TestControl, testControl } from './support.ts';

let control: TestControl;
beforeAll(async () => {
  control = await testControl();
});
afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

const KEY = 'marketing.coupons';
const PATH = `/v1/switches/${KEY}`;

async function version(): Promise<number> {
  const { body } = await control.send('viewer', 'GET', PATH);
  return switchView.parse(body).version;
}

async function revisions(): Promise<number[]> {
  const rows = await control.database.db.query<{ number: number }>({
    text: 'SELECT number FROM control.revision ORDER BY number',
  });
  return rows.map(({ number }) => number);
}

describe('reading switches', () => {
  it('lists every declared one with what it does', async () => {
    const { status, body } = await control.send('viewer', 'GET', '/v1/switches');
    expect(status).toBe(200);
    const items = (body['items'] as unknown[]).map((item) => switchView.parse(item));
    expect(items.map(({ key, on, default: fallback }) => ({ key, on, fallback }))).toEqual([
      { key: 'entry.order.create', on: true, fallback: true },
      { key: KEY, on: true, fallback: true },
    ]);
    expect(items[0]).toMatchObject({
      version: 1,
      revision: 1,
      updatedBy: 'control',
      reason: 'declared by this release',
    });
  });

  it('answers one with its version as ETag, and 404 for none', async () => {
    const one = await control.send('viewer', 'GET', PATH);
    expect(one.headers.get('etag')).toBe(`"${await version()}"`);
    const none = await control.send('viewer', 'GET', '/v1/switches/entry.none');
    expect(none).toMatchObject({ status: 404, body: { code: 'switch_unknown' } });
    expect(none.body['detail']).toContain(KEY);
  });
});

describe('a flip that is refused changes nothing', () => {
  const good = { on: false, reason: 'too much load' };
  it.each([
    ['without a token', undefined, good, {}, 401, 'unauthenticated'],
    ["with a viewer's token", 'viewer', good, {}, 403, 'forbidden'],
    ["with a shop's token", 'shop', good, {}, 403, 'forbidden'],
    ["with an instance's token", 'instance', good, {}, 403, 'forbidden'],
    ['without If-Match', 'operator', good, { 'if-match': undefined }, 428, 'if_match_missing'],
    ['with an If-Match that is no version', 'operator', good, { 'if-match': 'yesterday' }, 422, 'invalid_request'],
    ['with a stale If-Match', 'operator', good, { 'if-match': '"0"' }, 412, 'stale_revision'],
    ['without a reason', 'operator', { on: false }, {}, 422, 'invalid_request'],
    ['with a blank reason', 'operator', { on: false, reason: '   ' }, {}, 422, 'invalid_request'],
    ['with a value of another kind', 'operator', { on: 'off', reason: 'too much load' }, {}, 422, 'invalid_request'],
    ['with an unknown field', 'operator', { ...good, force: true }, {}, 422, 'invalid_request'],
    ['with a body that is not JSON', 'operator', '{"on": fal', {}, 400, 'malformed_json'],
    ['with an empty body', 'operator', undefined, {}, 422, 'invalid_request'],
  ] as const)('%s', async (_what, role, body, headers, status, code) => {
    const before = { revisions: await revisions(), version: await version() };
    const sent: Record<string, string> = {};
    const match = 'if-match' in headers ? headers['if-match'] : `"${before.version}"`;
    if (match !== undefined) sent['if-match'] = match;
    const refused = await control.send(role, 'PUT', PATH, body, sent);
    expect(refused.headers.get('content-type')).toBe('application/problem+json');
    expect({ status: refused.status, code: refused.body['code'] }).toEqual({ status, code });
    expect({ revisions: await revisions(), version: await version() }).toEqual(before);
  });

  it('says which version is there and how the switch stands', async () => {
    const refused = await control.send('operator', 'PUT', PATH, good, { 'if-match': '"99"' });
    expect(refused.body).toMatchObject({ code: 'stale_revision', version: await version(), on: true });
  });
});

describe('a flip', () => {
  it('makes one revision with its audit row, and answers the switch after it', async () => {
    const before = await version();
    const head = (await revisions()).at(-1) ?? 0;
    const flipped = await control.flip(KEY, false, { reason: 'coupon service is down' });
    expect(flipped.status).toBe(200);
    const { switch: view, propagation } = switchFlipped.parse(flipped.body);
    expect(view).toMatchObject({
      on: false,
      version: before + 1,
      revision: head + 1,
      updatedBy: 'a operator',
      reason: 'coupon service is down',
    });
    expect(flipped.headers.get('etag')).toBe(`"${before + 1}"`);
    expect(propagation).toMatchObject({ revision: head + 1, applied: 0, total: 0, stragglers: [] });

    const audit = await control.send('viewer', 'GET', `/v1/audit?subject=${KEY}`);
    expect((audit.body['items'] as unknown[])[0]).toMatchObject({
      actor: 'a operator',
      role: 'operator',
      action: 'switch.flip',
      before: { [KEY]: { on: true } },
      after: { [KEY]: { on: false } },
      reason: 'coupon service is down',
      revision: head + 1,
      traceId: flipped.headers.get('x-trace-id'),
    });
    const revision = await control.send('viewer', 'GET', `/v1/revisions/${head + 1}`);
    expect(revision.body['revision']).toMatchObject({
      number: head + 1,
      author: 'a operator',
      changed: [{ kind: 'switch', key: KEY, before: { on: true }, after: { on: false } }],
      removed: [],
    });
  });

  it('to the value that it has makes no revision', async () => {
    const before = { revisions: await revisions(), version: await version() };
    const flipped = await control.flip(KEY, false);
    expect(flipped.status).toBe(200);
    expect({ revisions: await revisions(), version: await version() }).toEqual(before);
  });

  it('with the same idempotency key is done once and answered again', async () => {
    const headers = { 'if-match': `"${await version()}"`, 'idempotency-key': 'flip-1' };
    const body = { on: true, reason: 'coupon service is back' };
    const first = await control.send('operator', 'PUT', PATH, body, headers);
    const count = (await revisions()).length;
    const again = await control.send('operator', 'PUT', PATH, body, headers);
    expect(again.status).toBe(200);
    expect(again.body['switch']).toEqual(first.body['switch']);
    expect((await revisions()).length).toBe(count);
    const other = await control.send('operator', 'PUT', PATH, { ...body, on: false }, headers);
    expect(other).toMatchObject({ status: 409, body: { code: 'idempotency_key_reused' } });
  });

  it('with the same key of two people is two flips', async () => {
    const flip = async (role: 'operator' | 'approver', on: boolean) => {
      const headers = { 'if-match': `"${await version()}"`, 'idempotency-key': 'flip-2' };
      return control.send(role, 'PUT', PATH, { on, reason: 'a test flips it' }, headers);
    };
    expect((await flip('operator', false)).status).toBe(200);
    expect((await flip('approver', true)).status).toBe(200);
  });
});

describe('concurrent flips', () => {
  it('of one switch at one version: exactly one wins, and the others are told', async () => {
    const headers = { 'if-match': `"${await version()}"` };
    const before = (await revisions()).length;
    const replies = await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        control.send('operator', 'PUT', PATH, { on: false, reason: `flip number ${i}` }, headers),
      ),
    );
    expect(replies.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 11 }, () => 412)]);
    expect((await revisions()).length).toBe(before + 1);
  });

  it('of several switches from two replicas make dense numbers, each with its rules', async () => {
    await using other = await testControl({ database: control.database });
    const flips = Array.from({ length: 20 }, async (_, i) => {
      const side = i % 2 === 0 ? control : other;
      const key = i % 4 < 2 ? KEY : 'entry.order.create';
      for (;;) {
        const reply = await side.flip(key, i % 3 === 0, { waitMs: 0 });
        if (reply.status !== 412) return reply.status;
      }
    });
    expect(new Set(await Promise.all(flips))).toEqual(new Set([200]));
    const numbers = await revisions();
    expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, i) => i + 1));
    const chained = await control.database.db.query<{ broken: number }>({
      text: `SELECT count(*) AS broken FROM control.revision r
             WHERE jsonb_array_length(r.ruleset) <> 2 OR jsonb_array_length(r.diff->'changed') = 0`,
    });
    expect(chained[0]?.broken).toBe(0);
  });
});

describe('lists page', () => {
  it('of revisions and audit rows, each once, newest first', async () => {
    for (const path of ['/v1/revisions', '/v1/audit']) {
      const seen: string[] = [];
      let cursor = '';
      do {
        const { status, body } = await control.send('viewer', 'GET', `${path}?limit=3${cursor}`);
        expect(status).toBe(200);
        seen.push(...(body['items'] as { number?: number; id?: string }[]).map((i) => String(i.number ?? i.id)));
        cursor = body['next'] === null ? '' : `&cursor=${String(body['next'])}`;
      } while (cursor !== '');
      expect(seen.length).toBeGreaterThan(6);
      expect(seen).toEqual([...new Set(seen)].sort((a, b) => Number(b) - Number(a)));
      const bad = await control.send('viewer', 'GET', `${path}?cursor=nonsense`);
      expect(bad).toMatchObject({ status: 422, body: { code: 'invalid_cursor' } });
    }
  });

  it('answer 404 for a revision that is not there, and 422 for one that is no number', async () => {
    expect((await control.send('viewer', 'GET', '/v1/revisions/999999')).body['code']).toBe('revision_unknown');
    expect((await control.send('viewer', 'GET', '/v1/revisions/first')).status).toBe(422);
  });
});
