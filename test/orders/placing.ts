import { expect } from 'vitest';
import type { CoreContext } from '../../core/context.ts';
import { VirtualClock } from '../../core/kernel/clock.ts';
import type { Refusal } from '../../core/kernel/errors.ts';
import { grantCoupon } from '../../core/marketing/coupons.ts';
import { type TestCore, testCore } from '../support/core.ts';
import { place } from '../support/orders.ts';

/* What the tests of placing an order share: a core at one moment, coupons, and a count of everything that was written. */

export const NOW = new Date('2026-11-11T00:00:00Z');

export function coreAtNow(): Promise<TestCore> {
  return testCore({ clock: new VirtualClock(NOW), poolSize: 16 });
}

let granted = 0;

/** Grants a coupon and returns its code. Amounts in minor units. */
export async function coupon(
  ctx: CoreContext,
  amount: number,
  more: { threshold?: number; userId?: number; currency?: 'CNY' | 'EUR' } = {},
): Promise<string> {
  const currency = more.currency ?? 'CNY';
  const grant = await grantCoupon(
    ctx,
    'a merchant',
    {
      amount: { amount, currency },
      threshold: { amount: more.threshold ?? 0, currency },
      userId: more.userId,
      validUntil: new Date('2026-12-01T00:00:00Z'),
    },
    `grant-${++granted}`,
  );
  if (!grant.ok) throw new Error(grant.detail);
  return grant.value.coupon.code;
}

/** Places an order that must be refused, and proves that the refusal left nothing. */
export async function refusal(...args: Parameters<typeof place>): Promise<Refusal> {
  const [ctx] = args;
  const before = await everything(ctx);
  const result = await place(...args);
  if (result.ok) throw new Error('it was placed');
  expect(await everything(ctx)).toEqual(before);
  return result;
}

/** What an order may write, counted: a refusal leaves nothing. */
export async function everything(ctx: CoreContext): Promise<unknown> {
  const [row] = await ctx.db.query({
    text: `SELECT (SELECT count(*) FROM core.pay_order) pay_orders, (SELECT count(*) FROM core.orders) orders,
      (SELECT count(*) FROM core.order_line) lines, (SELECT count(*) FROM core.reservation) reservations,
      (SELECT count(*) FROM core.event) events, (SELECT sum(reserved) FROM core.stock) reserved,
      (SELECT count(*) FROM core.coupon WHERE state = 'locked') locked`,
  });
  return row;
}

export function rows(ctx: CoreContext, text: string, ...values: unknown[]): Promise<Record<string, unknown>[]> {
  return ctx.db.query({ text, values });
}

export async function couponState(ctx: CoreContext, code: string): Promise<unknown> {
  return rows(ctx, 'SELECT state, pay_order_id FROM core.coupon WHERE code = $1', code);
}
