import type { CoreContext } from '../context.ts';
import { ok, type Result } from '../kernel/errors.ts';
import { money } from '../kernel/money.ts';
import { type CouponQuote, quoteCoupon } from '../marketing/coupon-use.ts';
import { quotePoints } from '../marketing/points.ts';
import type { Notice } from '../payorders/payorders.ts';
import type { PricedGoods } from './pricing.ts';

/** What is asked to be taken off a checkout: at most one coupon, and points beside it. */
export interface ReductionWish {
  readonly userId: number;
  readonly couponCode?: string | undefined;
  /** The most points to pay with. */
  readonly points?: number | undefined;
}

/** What coupon and points take off a checkout. Money in minor units. */
export interface Discount {
  readonly coupon: CouponQuote | null;
  readonly points: number;
  readonly pointsAmount: number;
  readonly discount: number;
  readonly notices: readonly Notice[];
}

/**
 * What the coupon takes off, and after it the points of the rest. With a switch off its step is skipped: the order goes
 * through, and says so. `amounts`: what the lines are worth, as they will be shared over.
 */
export async function quoteDiscount(
  ctx: CoreContext,
  wish: ReductionWish,
  goods: PricedGoods,
  amounts: readonly number[],
  now: Date,
): Promise<Result<Discount>> {
  const notices: Notice[] = [];
  const { userId, couponCode } = wish;
  const isOn = (key: string): boolean => ctx.guard.isOn(key, { user: String(userId) });
  let coupon: CouponQuote | null = null;
  if (couponCode !== undefined && !isOn('marketing.coupons')) {
    const message = `Coupons are switched off: ${couponCode} was not used and can be used later.`;
    notices.push({ code: 'coupon_skipped', message });
  } else if (couponCode !== undefined) {
    const quoted = await quoteCoupon(ctx, couponCode, { userId, goods: money(goods.amount, goods.currency), now });
    if (!quoted.ok) return quoted;
    coupon = quoted.value;
  }
  const taken = coupon?.discount ?? 0;
  if (wish.points === undefined || !isOn('marketing.points')) {
    if (wish.points !== undefined) {
      notices.push({
        code: 'points_skipped',
        message: 'Points are switched off: none were used, and all can be used later.',
      });
    }
    return ok({ coupon, points: 0, pointsAmount: 0, discount: taken, notices });
  }
  const points = quotePoints(wish.points, amounts, taken, goods.currency);
  return ok({ coupon, ...points, discount: taken + points.pointsAmount, notices });
}
