import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CoreContext } from '../../core/context.ts';
import { VirtualClock } from '../../core/kernel/clock.ts';
import type { Currency } from '../../core/kernel/money.ts';
import { type CampaignWish, commandCampaign, createCampaign } from '../../core/marketing/campaigns.ts';
import { grantCoupon, grantOfCampaign } from '../../core/marketing/coupons.ts';
import { cancelOrder } from '../../core/orders/cancel.ts';
import { skusOnShelf } from '../support/catalogue.ts';
import { type TestCore, testCore } from '../support/core.ts';
import { place, placed } from '../support/orders.ts';

const NOW = new Date('2026-11-11T00:00:00Z');
const NEVER = new AbortController().signal;

let core: TestCore;
let ctx: CoreContext;
let sku: number;
let made = 0;
beforeAll(async () => {
  core = await testCore({ clock: new VirtualClock(NOW), poolSize: 20 });
  ctx = core.ctx;
  [sku = 0] = await skusOnShelf(ctx, { skus: [{ price: '79.00', infinite: true }] });
});
afterAll(() => core[Symbol.asyncDispose]());

const cash = (amount: number, currency: Currency = 'CNY') => ({ amount, currency });

async function campaign(wish: Partial<CampaignWish> = {}): Promise<string> {
  const whole: CampaignWish = {
    name: 'a campaign',
    kind: 'fixed',
    amount: cash(1_000),
    startsAt: new Date('2026-11-10T00:00:00Z'),
    endsAt: new Date('2026-12-01T00:00:00Z'),
    ...wish,
  };
  const result = await createCampaign(ctx, 'a merchant', whole, `campaign-${++made}`);
  if (!result.ok) throw new Error(result.detail);
  return result.value.campaign.row.id;
}

async function granted(campaignId: string, userId = 42): Promise<string> {
  const result = await grantOfCampaign(ctx, 'a merchant', { campaignId, userId }, `grant-${++made}`);
  if (!result.ok) throw new Error(result.detail);
  return result.value.coupon.code;
}

/** What the campaign has left, and what its coupons say that it has given. */
async function standing(campaignId: string): Promise<unknown> {
  const [row] = await ctx.db.query({
    text: `SELECT (SELECT sum(slots)::bigint FROM core.campaign_lane WHERE campaign_id = $1) AS slots,
      (SELECT sum(budget)::bigint FROM core.campaign_lane WHERE campaign_id = $1) AS budget,
      (SELECT count(*) FROM core.coupon WHERE campaign_id = $1 AND state IN ('locked','used')) AS held,
      (SELECT coalesce(sum(discount), 0)::bigint FROM core.coupon WHERE campaign_id = $1 AND state IN ('locked','used')) AS given`,
    values: [campaignId],
  });
  return row;
}

const codeOf = async (result: ReturnType<typeof place>): Promise<string> => {
  const answer = await result;
  return answer.ok ? 'placed' : answer.code;
};

describe('what a coupon takes off', () => {
  test.each([
    ['a fixed amount', { kind: 'fixed', amount: cash(1_000) }, 1_000],
    ['a fixed amount, more than the goods', { kind: 'fixed', amount: cash(99_999) }, 7_900],
    ['from a threshold', { kind: 'threshold', amount: cash(500), threshold: cash(7_900) }, 500],
    ['a percentage, rounded down', { kind: 'percentage', amount: cash(5_000), basisPoints: 1_234 }, 974],
    ['a percentage up to its cap', { kind: 'percentage', amount: cash(300), basisPoints: 5_000 }, 300],
    ['all of it', { kind: 'percentage', amount: cash(99_999), basisPoints: 10_000 }, 7_900],
  ] as const)('%s', async (_what, wish, discount) => {
    const code = await granted(await campaign(wish));
    const created = await placed(ctx, [sku], { couponCode: code });
    expect(created.payable.amount).toBe(7_900 - discount);
  });

  test.each(['JPY', 'KWD'] as const)('15 %% in %s, in its own coins', async (currency) => {
    const [own = 0] = await skusOnShelf(ctx, {
      currency,
      skus: [{ price: currency === 'JPY' ? '333' : '0.333', infinite: true }],
    });
    const wish = { kind: 'percentage', amount: cash(9_999, currency), basisPoints: 1_500 } as const;
    const created = await placed(ctx, [own], { couponCode: await granted(await campaign(wish)) });
    expect(created.payable).toEqual(cash(333 - 49, currency));
  });

  test('nothing: it is refused instead of burned', async () => {
    const code = await granted(await campaign({ kind: 'percentage', amount: cash(100), basisPoints: 1 }));
    const [cheap = 0] = await skusOnShelf(ctx, { skus: [{ price: '0.50', infinite: true }] });
    expect(await codeOf(place(ctx, [cheap], { couponCode: code }))).toBe('coupon_unusable');
  });
});

describe('terms that do not fit', () => {
  test.each([
    ['a percentage without its part', { kind: 'percentage' }, 'invalid_request'],
    ['a part of a fixed amount', { basisPoints: 100 }, 'invalid_request'],
    ['a threshold of nothing', { kind: 'threshold' }, 'invalid_request'],
    ['a fixed amount from a threshold', { threshold: cash(1) }, 'invalid_request'],
    ['points for money', { amount: cash(1, 'PTS') }, 'invalid_request'],
    ['over before it starts', { endsAt: new Date('2026-11-10T00:00:00Z') }, 'invalid_request'],
    ['a budget in another currency', { budget: cash(1, 'EUR') }, 'currency_mismatch'],
  ] as const)('%s', async (_what, wish, code) => {
    await expect(campaign(wish as Partial<CampaignWish>)).rejects.toThrow();
    const whole = {
      name: 'x',
      kind: 'fixed' as const,
      amount: cash(1),
      startsAt: new Date('2026-11-10T00:00:00Z'),
      endsAt: new Date('2026-12-01T00:00:00Z'),
      ...(wish as Partial<CampaignWish>),
    };
    expect(await createCampaign(ctx, 'a merchant', whole, `bad-${++made}`)).toMatchObject({ ok: false, code });
  });
});

describe('a code that many share', () => {
  test('quota 100 of 1,000: exactly 100 orders get it, and every lane is used up', async () => {
    const id = await campaign({ code: 'FIRST-100', totalQuota: 100 });
    const orders = Array.from({ length: 1_000 }, (_, i) =>
      codeOf(place(ctx, [sku], { userId: 5_000 + i, couponCode: 'FIRST-100' })),
    );
    const answers = await Promise.all(orders);
    expect(answers.filter((answer) => answer === 'placed')).toHaveLength(100);
    expect(answers.filter((answer) => answer === 'coupon_unusable')).toHaveLength(900);
    expect(await standing(id)).toEqual({ slots: 0, budget: null, held: 100, given: 100_000 });
    const [lanes] = await ctx.db.query({
      text: 'SELECT count(*) AS n FROM core.campaign_lane WHERE campaign_id = $1',
      values: [id],
    });
    expect(lanes).toEqual({ n: 8 });
  }, 60_000);

  test('the budget is never exceeded, whatever the orders are worth', async () => {
    const [a = 0, b = 0, c = 0] = await skusOnShelf(ctx, {
      skus: [
        { price: '10.00', infinite: true },
        { price: '33.33', infinite: true },
        { price: '99.99', infinite: true },
      ],
    });
    const budget = cash(20_000);
    const id = await campaign({
      code: 'BUDGET-1',
      kind: 'percentage',
      amount: cash(2_000),
      basisPoints: 3_000,
      budget,
      totalQuota: 1_000,
    });
    const wishes = Array.from({ length: 120 }, (_, i) =>
      codeOf(place(ctx, [[a, b, c][i % 3] ?? a], { userId: 7_000 + i, couponCode: 'BUDGET-1' })),
    );
    const answers = await Promise.all(wishes);
    const { budget: left, given, held } = (await standing(id)) as { budget: number; given: number; held: number };
    expect(left + given).toBe(20_000);
    expect(left).toBeGreaterThanOrEqual(0);
    // The cheapest wish takes 3.00: what is left does not pay for one of them any more.
    expect(left).toBeLessThan(300);
    expect(held).toBe(answers.filter((answer) => answer === 'placed').length);
  });

  test('one user gets it as often as they may, eight at once', async () => {
    await campaign({ code: 'TWICE-EACH', perUserQuota: 2 });
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => codeOf(place(ctx, [sku], { userId: 99, couponCode: 'TWICE-EACH' }))),
    );
    expect(answers.filter((answer) => answer === 'placed')).toHaveLength(2);
    expect(await codeOf(place(ctx, [sku], { userId: 100, couponCode: 'TWICE-EACH' }))).toBe('placed');
  });

  test('a cancelled order frees place and money, once', async () => {
    const id = await campaign({ code: 'ONE-ONLY', totalQuota: 1, budget: cash(1_000), perUserQuota: 1 });
    const created = await placed(ctx, [sku], { couponCode: 'ONE-ONLY' });
    expect(await standing(id)).toEqual({ slots: 0, budget: 0, held: 1, given: 1_000 });
    expect(await codeOf(place(ctx, [sku], { userId: 43, couponCode: 'ONE-ONLY' }))).toBe('coupon_unusable');
    const orderId = created.orders[0]?.orderId ?? '';
    await Promise.all([cancelOrder(ctx, orderId, 'a test', NEVER), cancelOrder(ctx, orderId, 'a test', NEVER)]);
    expect(await standing(id)).toEqual({ slots: 1, budget: 1_000, held: 0, given: 0 });
    expect(await codeOf(place(ctx, [sku], { couponCode: 'ONE-ONLY' }))).toBe('placed');
  });

  test('an order that fails behind it leaves nothing taken', async () => {
    const [gone = 0] = await skusOnShelf(ctx, { skus: [{ price: '79.00', stock: 0 }] });
    const id = await campaign({ code: 'NO-STOCK', totalQuota: 5 });
    expect(await codeOf(place(ctx, [gone], { couponCode: 'NO-STOCK' }))).toBe('sold_out');
    expect(await standing(id)).toEqual({ slots: 5, budget: null, held: 0, given: 0 });
  });

  test('a coupon made from it is nobody else’s to name', async () => {
    await campaign({ code: 'SHARED-1' });
    const created = await placed(ctx, [sku], { couponCode: 'SHARED-1' });
    const [row] = await ctx.db.query<{ code: string }>({
      text: 'SELECT code FROM core.coupon WHERE pay_order_id = $1',
      values: [created.payOrderId],
    });
    expect(await codeOf(place(ctx, [sku], { couponCode: row?.code ?? '' }))).toBe('coupon_unknown');
  });
});

describe('coupons granted from a campaign', () => {
  test('of 10 places, 30 grants at once get 10', async () => {
    const id = await campaign({ totalQuota: 10 });
    const all = await Promise.all(
      Array.from({ length: 30 }, (_, i) =>
        grantOfCampaign(ctx, 'a merchant', { campaignId: id, userId: 200 + i }, `q-${id}-${i}`),
      ),
    );
    expect(all.filter((one) => one.ok)).toHaveLength(10);
    expect(all.filter((one) => !one.ok && one.code === 'coupon_quota_reached')).toHaveLength(20);
  });

  test('one user claims one, eight at once; the same key again answers the same', async () => {
    const id = await campaign({ perUserQuota: 1 });
    const claims = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        grantOfCampaign(ctx, 'a shop', { campaignId: id, userId: 300 }, `c-${id}-${i}`),
      ),
    );
    expect(claims.filter((one) => one.ok)).toHaveLength(1);
    const first = claims.findIndex((one) => one.ok);
    const again = await grantOfCampaign(ctx, 'a shop', { campaignId: id, userId: 300 }, `c-${id}-${first}`);
    expect(again).toMatchObject({ ok: true, value: { replayed: true } });
    const other = await grantOfCampaign(ctx, 'a shop', { campaignId: id, userId: 301 }, `c-${id}-${first}`);
    expect(other).toMatchObject({ ok: false, code: 'idempotency_key_reused' });
  });

  test('their money is taken at the order and comes back with it', async () => {
    const id = await campaign({ budget: cash(1_500) });
    const [one, two] = [await granted(id), await granted(id)];
    const created = await placed(ctx, [sku], { couponCode: one });
    expect(await codeOf(place(ctx, [sku], { couponCode: two }))).toBe('coupon_unusable');
    await cancelOrder(ctx, created.orders[0]?.orderId ?? '', 'a test', NEVER);
    expect(await codeOf(place(ctx, [sku], { couponCode: two }))).toBe('placed');
    expect(await standing(id)).toEqual({ slots: null, budget: 500, held: 1, given: 1_000 });
  });

  test('paused, nothing is granted or used; resumed, it is; ended, never more', async () => {
    const id = await campaign();
    const code = await granted(id);
    const say = (command: 'pause' | 'resume' | 'end') => commandCampaign(ctx, 'a merchant', id, command, 'a test');
    expect(await say('pause')).toMatchObject({ ok: true });
    expect(await say('pause')).toMatchObject({ ok: true });
    expect(await codeOf(place(ctx, [sku], { couponCode: code }))).toBe('coupon_unusable');
    expect(await grantOfCampaign(ctx, 'a merchant', { campaignId: id, userId: 1 }, `p-${id}`)).toMatchObject({
      code: 'campaign_closed',
    });
    expect(await say('resume')).toMatchObject({ ok: true });
    expect(await codeOf(place(ctx, [sku], { couponCode: code }))).toBe('placed');
    expect(await say('end')).toMatchObject({ ok: true });
    expect(await say('resume')).toMatchObject({ ok: false, code: 'wrong_state' });
    expect(await commandCampaign(ctx, 'a merchant', `${id.slice(0, -1)}0x`, 'end', 'a test')).toMatchObject({
      code: 'campaign_unknown',
    });
  });

  test('a code is one coupon or one campaign, never both, whoever comes first', async () => {
    await campaign({ code: 'TAKEN-CODE' });
    const alone = { code: 'TAKEN-CODE', amount: cash(1), validUntil: new Date('2027-01-01T00:00:00Z') };
    expect(await grantCoupon(ctx, 'a merchant', alone, 'taken')).toMatchObject({ code: 'coupon_exists' });
    await expect(campaign({ code: 'TAKEN-CODE' })).rejects.toThrow('TAKEN-CODE');
  });
});
