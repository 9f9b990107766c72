import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Sql } from '../../core/kernel/db/database.ts';
import {
  type CouponQuote,
  returnCoupon as giveBack,
  lockCoupon as lock,
  releaseCoupon,
  spendCoupon,
} from '../../core/marketing/coupon-use.ts';
import { couponRoutes } from '../../core/marketing/coupons.routes.ts';
import { findCoupon } from '../../core/marketing/coupons.ts';
import { type CoreClient, type TestCore, testCore } from '../support/core.ts';

let core: TestCore;
let http: CoreClient;
let keys = 0;
beforeAll(async () => {
  core = await testCore();
  http = await core.http([couponRoutes(core.ctx)]);
});
afterAll(() => core[Symbol.asyncDispose]());

const quoteOf = (code: string): CouponQuote => ({
  code,
  asked: code,
  discount: 500,
  userId: 1,
  campaignId: null,
  budgeted: false,
  from: null,
});
const lockCoupon = (sql: Sql, code: string, payOrderId: string) => lock(sql, quoteOf(code), payOrderId);
const returnCoupon = (sql: Sql, payOrderId: string) => giveBack(sql, payOrderId, new Date('2026-01-01T00:00:00Z'));

const key = () => ({ 'idempotency-key': `coupon-${++keys}` });
const grant = (more: Record<string, unknown> = {}) => ({
  amount: { amount: 500, currency: 'CNY' },
  validUntil: '2099-01-01T00:00:00Z',
  ...more,
});
const post = (body: unknown, headers: Record<string, string> = key()) =>
  http.send('merchant', 'POST', '/v1/coupons', body, headers);

describe('POST /v1/coupons', () => {
  it('grants one, made up or by name', async () => {
    const { status, body } = await post(grant());
    expect({ status, body }).toEqual({
      status: 201,
      body: {
        code: expect.stringMatching(/^cpn_/),
        userId: null,
        campaignId: null,
        kind: 'fixed',
        amount: { amount: 500, currency: 'CNY' },
        threshold: { amount: 0, currency: 'CNY' },
        basisPoints: null,
        validFrom: null,
        validUntil: '2099-01-01T00:00:00.000Z',
        state: 'available',
        payOrderId: null,
      },
    });
    const named = await post(grant({ code: 'SALE-1111', userId: 42, threshold: { amount: 9_900, currency: 'CNY' } }));
    expect(named.body).toMatchObject({ code: 'SALE-1111', userId: '42', threshold: { amount: 9_900 } });
    expect(await http.send('shop', 'GET', '/v1/coupons/SALE-1111')).toMatchObject({ status: 200, body: named.body });
  });

  it('grants once for one key, eight at once too', async () => {
    const headers = key();
    const all = await Promise.all(Array.from({ length: 8 }, () => post(grant(), headers)));
    expect(new Set(all.map((a) => a.body['code'])).size).toBe(1);
    expect(all.map((a) => a.status).sort()).toEqual([200, 200, 200, 200, 200, 200, 200, 201]);
    expect(await post(grant({ userId: 7 }), headers)).toMatchObject({
      status: 409,
      body: { code: 'idempotency_key_reused' },
    });
  });

  it.each([
    ['a code that is taken', async () => ({ code: (await post(grant())).body['code'] }), 409, 'coupon_exists'],
    [
      'a threshold in another currency',
      async () => ({ threshold: { amount: 1, currency: 'EUR' } }),
      409,
      'currency_mismatch',
    ],
    ['one that is over', async () => ({ validUntil: '2001-01-01T00:00:00Z' }), 422, 'invalid_request'],
    ['one worth nothing', async () => ({ amount: { amount: 0, currency: 'CNY' } }), 422, 'invalid_request'],
    ['one worth less', async () => ({ amount: { amount: -1, currency: 'CNY' } }), 422, 'invalid_request'],
    ['half a cent', async () => ({ amount: { amount: 0.5, currency: 'CNY' } }), 422, 'invalid_request'],
    ['an unknown field', async () => ({ percent: 10 }), 422, 'invalid_request'],
    ['a code with blanks', async () => ({ code: 'a b c d' }), 422, 'invalid_request'],
    ['a time that is none', async () => ({ validUntil: 'tomorrow' }), 422, 'invalid_request'],
  ])('refuses %s', async (_what, more, status, code) => {
    const answer = await post(grant(await more()));
    expect({ status: answer.status, code: answer.body['code'] }).toEqual({ status, code });
  });

  it('is for merchants only, with a key', async () => {
    expect((await http.send('shop', 'POST', '/v1/coupons', grant(), key())).status).toBe(403);
    expect(await http.send('merchant', 'POST', '/v1/coupons', grant())).toMatchObject({
      status: 400,
      body: { code: 'idempotency_key_missing' },
    });
    expect(await http.send('shop', 'GET', '/v1/coupons/NONE')).toMatchObject({
      status: 404,
      body: { code: 'coupon_unknown' },
    });
  });
});

describe('a coupon', () => {
  it('is locked, spent and returned, each once', async () => {
    const code = String((await post(grant())).body['code']);
    const { db } = core.ctx;
    const state = async () => {
      const found = await findCoupon(db, code);
      return found.ok ? [found.value.state, found.value.payOrderId] : found.code;
    };
    expect(await spendCoupon(db, 'p1')).toBe(false);
    expect(await lockCoupon(db, code, 'p1')).toBe(true);
    expect(await lockCoupon(db, code, 'p2')).toBe(false);
    expect(await releaseCoupon(db, 'p2')).toBe(false);
    expect(await state()).toEqual(['locked', 'p1']);
    expect(await releaseCoupon(db, 'p1')).toBe(true);
    expect(await releaseCoupon(db, 'p1')).toBe(false);
    expect(await state()).toEqual(['available', null]);
    expect(await lockCoupon(db, code, 'p2')).toBe(true);
    expect(await spendCoupon(db, 'p2')).toBe(true);
    expect(await spendCoupon(db, 'p2')).toBe(false);
    expect(await releaseCoupon(db, 'p2')).toBe(false);
    expect(await state()).toEqual(['used', 'p2']);
    expect(await returnCoupon(db, 'p2')).toBe(true);
    expect(await returnCoupon(db, 'p2')).toBe(false);
    expect(await state()).toEqual(['available', null]);
  });

  it('is locked by one of eight at once', async () => {
    const code = String((await post(grant())).body['code']);
    const all = await Promise.all(Array.from({ length: 8 }, (_, i) => lockCoupon(core.ctx.db, code, `race-${i}`)));
    expect(all.filter(Boolean)).toHaveLength(1);
  });
});
