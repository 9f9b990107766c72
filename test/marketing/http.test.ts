import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { VirtualClock } from '../../core/kernel/clock.ts';
import { campaignRoutes } from '../../core/marketing/campaigns.routes.ts';
import { couponRoutes } from '../../core/marketing/coupons.routes.ts';
import { pointsRoutes } from '../../core/marketing/points.routes.ts';
import { type CoreClient, type TestCore, testCore } from '../support/core.ts';

let core: TestCore;
let http: CoreClient;
let keys = 0;
beforeAll(async () => {
  core = await testCore({ clock: new VirtualClock(new Date('2026-11-11T00:00:00Z')) });
  http = await core.http([couponRoutes(core.ctx), campaignRoutes(core.ctx), pointsRoutes(core.ctx)]);
});
afterAll(() => core[Symbol.asyncDispose]());

const key = () => ({ 'idempotency-key': `http-${++keys}` });
const cny = (amount: number) => ({ amount, currency: 'CNY' });
const WISH = {
  name: '满减',
  kind: 'threshold',
  amount: cny(1_000),
  threshold: cny(5_000),
  startsAt: '2026-11-01T00:00:00Z',
  endsAt: '2026-12-01T00:00:00Z',
};
const post = (path: string, body: unknown, role: Parameters<CoreClient['send']>[0] = 'merchant', headers = key()) =>
  http.send(role, 'POST', path, body, headers);

async function opened(more: object = {}): Promise<string> {
  const { status, body } = await post('/v1/campaigns', { ...WISH, ...more });
  expect(status, JSON.stringify(body)).toBe(201);
  return String(body['campaignId']);
}

describe('campaigns over HTTP', () => {
  test('are opened once per key, shown with what is left, and listed by pages', async () => {
    const headers = key();
    const all = await Promise.all(
      Array.from({ length: 6 }, () =>
        post('/v1/campaigns', { ...WISH, totalQuota: 100, budget: cny(50_000) }, 'merchant', headers),
      ),
    );
    expect(all.map(({ status }) => status).sort()).toEqual([200, 200, 200, 200, 200, 201]);
    expect(new Set(all.map(({ body }) => body['campaignId'])).size).toBe(1);
    expect(await post('/v1/campaigns', WISH, 'merchant', headers)).toMatchObject({
      status: 409,
      body: { code: 'idempotency_key_reused' },
    });
    const id = String(all[0]?.body['campaignId']);
    expect(await http.send('shop', 'GET', `/v1/campaigns/${id}`)).toMatchObject({
      status: 200,
      body: { left: { coupons: 100, budget: cny(50_000) }, state: { code: 'ACTIVE', name: 'CAMPAIGN_ACTIVE' } },
    });
    const other = await opened();
    const pages: unknown[] = [];
    let next: unknown;
    do {
      const cursor = next === undefined ? '' : `&cursor=${String(next)}`;
      const { body } = await http.send('viewer', 'GET', `/v1/campaigns?limit=1${cursor}`);
      pages.push(...(body['items'] as { campaignId: string }[]).map(({ campaignId }) => campaignId));
      next = body['next'];
    } while (next !== null);
    // Made in the same millisecond, they have no order in time.
    expect(pages.toSorted()).toEqual([id, other].toSorted());
  });

  test('grant once per key, pause, resume and end', async () => {
    const id = await opened({ perUserQuota: 1 });
    const headers = key();
    const granted = await post(`/v1/campaigns/${id}/coupons`, { userId: '7' }, 'shop', headers);
    expect(granted).toMatchObject({
      status: 201,
      body: { userId: '7', campaignId: id, kind: 'threshold', state: 'available' },
    });
    expect(await post(`/v1/campaigns/${id}/coupons`, { userId: '7' }, 'shop', headers)).toMatchObject({
      status: 200,
      body: granted.body,
    });
    expect(await post(`/v1/campaigns/${id}/coupons`, { userId: '7' })).toMatchObject({
      status: 409,
      body: { code: 'coupon_quota_reached' },
    });
    expect(await post(`/v1/campaigns/${id}/pause`, { reason: 'too fast' }, 'operator')).toMatchObject({
      status: 200,
      body: { state: { code: 'PAUSED' } },
    });
    expect(await post(`/v1/campaigns/${id}/coupons`, { userId: '8' })).toMatchObject({
      status: 409,
      body: { code: 'campaign_closed' },
    });
    expect(await post(`/v1/campaigns/${id}/end`, { reason: 'over' })).toMatchObject({
      status: 200,
      body: { state: { code: 'ENDED' } },
    });
    expect(await post(`/v1/campaigns/${id}/resume`, { reason: 'no' })).toMatchObject({
      status: 409,
      body: { code: 'wrong_state' },
    });
  });

  test.each([
    ['a shop opens one', 'shop', '/v1/campaigns', WISH, 403],
    ['a shop stops one', 'shop', '/v1/campaigns/cmp_00000000000000000000000000/pause', { reason: 'x' }, 403],
    ['one that is unknown', 'merchant', '/v1/campaigns/cmp_00000000000000000000000000/pause', { reason: 'x' }, 404],
    [
      'a grant of an unknown one',
      'merchant',
      '/v1/campaigns/cmp_00000000000000000000000000/coupons',
      { userId: 1 },
      404,
    ],
    ['a word that is none', 'merchant', '/v1/campaigns/cmp_00000000000000000000000000/burn', { reason: 'x' }, 422],
    [
      'a percentage of more than all',
      'merchant',
      '/v1/campaigns',
      { ...WISH, kind: 'percentage', threshold: undefined, basisPoints: 10_001 },
      422,
    ],
    ['a quota of nobody', 'merchant', '/v1/campaigns', { ...WISH, totalQuota: 0 }, 422],
    ['a field of nothing', 'merchant', '/v1/campaigns', { ...WISH, percent: 10 }, 422],
  ] as const)('refuses: %s', async (_what, role, path, body, status) => {
    expect((await post(path, body, role)).status).toBe(status);
  });
});

describe("a user's coupons over HTTP", () => {
  test('say whether they can be used for these goods, and why not', async () => {
    const id = await opened();
    await post(`/v1/campaigns/${id}/coupons`, { userId: 70 });
    const list = async (goods: number) =>
      (await http.send('shop', 'GET', `/v1/users/70/coupons?goods=${goods}`)).body['items'];
    expect(await list(5_000)).toMatchObject([{ usable: true, discount: cny(1_000), reason: null }]);
    expect(await list(4_999)).toMatchObject([
      { usable: false, discount: null, reason: expect.stringContaining('50.00 CNY at least') },
    ]);
    await post(`/v1/campaigns/${id}/pause`, { reason: 'x' });
    expect(await list(5_000)).toMatchObject([{ usable: false, reason: expect.stringContaining('paused') }]);
    expect((await http.send('shop', 'GET', '/v1/users/71/coupons')).body).toEqual({ items: [], next: null });
  });

  test('a quote adds up and locks nothing', async () => {
    await opened({ code: 'QUOTE-ME' });
    const ask = { userId: 72, goods: cny(7_900), couponCode: 'QUOTE-ME', points: 100_000 };
    const quote = () => http.send('shop', 'POST', '/v1/coupons/quote', ask);
    const expected = {
      coupon: { code: 'QUOTE-ME', discount: cny(1_000) },
      points: 6_900,
      pointsAmount: cny(6_900),
      payable: cny(0),
    };
    expect(await quote()).toMatchObject({ status: 200, body: expected });
    expect(await quote()).toMatchObject({ status: 200, body: expected });
    expect(await http.send('shop', 'POST', '/v1/coupons/quote', { ...ask, couponCode: 'NO-SUCH' })).toMatchObject({
      status: 404,
    });
  });
});

describe('points over HTTP', () => {
  test('are granted once per key, and shown with their lots', async () => {
    const headers = key();
    const grant = { points: 500, reason: '抱歉' };
    const all = await Promise.all(
      Array.from({ length: 6 }, () => post('/v1/users/80/points', grant, 'merchant', headers)),
    );
    expect(all.map(({ status }) => status).sort()).toEqual([200, 200, 200, 200, 200, 201]);
    expect(await post('/v1/users/80/points', { ...grant, points: 5 }, 'merchant', headers)).toMatchObject({
      status: 409,
    });
    await post('/v1/users/80/points', { ...grant, points: 20, validUntil: '2026-11-12T00:00:00Z' }, 'operator');
    expect((await http.send('shop', 'GET', '/v1/users/80/points')).body).toMatchObject({
      userId: '80',
      available: 520,
      locked: 0,
      lots: [
        { points: 20, rest: 20, source: 'grant', expiresAt: '2026-11-12T00:00:00.000Z' },
        { points: 500, rest: 500, source: 'grant' },
      ],
    });
  });

  test.each([
    ['none', { points: 0, reason: 'x' }, 'merchant', 422],
    ['a fortune', { points: 10_000_001, reason: 'x' }, 'merchant', 422],
    ['without a reason', { points: 1 }, 'merchant', 422],
    ['that are over', { points: 1, reason: 'x', validUntil: '2020-01-01T00:00:00Z' }, 'merchant', 422],
    ['by a shop', { points: 1, reason: 'x' }, 'shop', 403],
  ] as const)('refuses %s', async (_what, body, role, status) => {
    expect((await post('/v1/users/81/points', body, role)).status).toBe(status);
  });
});
