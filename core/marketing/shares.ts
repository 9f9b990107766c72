import { allocate, type Currency } from '../kernel/money.ts';
import { pointWorth } from './point-terms.ts';

/** What marketing takes off a checkout: the coupon's money, and points by their number. */
export interface Reduction {
  readonly coupon: number;
  readonly points: number;
}

/** The part of it that lies on one line. Money in minor units; `pointsAmount` is what its points are worth. */
export interface LineShares {
  readonly couponAmount: number;
  readonly pointsAmount: number;
  readonly points: number;
}

/**
 * Spreads a reduction over lines worth `amounts`, by the largest remainder: the coupon by what the lines are worth, the
 * points by how many each can still be paid with. The shares add up exactly, and none takes more than its line is worth.
 *
 * Throws when the reduction is larger than the lines: `mostPoints` and the coupon's quote keep below.
 */
export function spreadReduction(
  amounts: readonly number[],
  { coupon, points }: Reduction,
  currency: Currency,
): LineShares[] {
  const worth = pointWorth(currency);
  const coupons = allocate(coupon, amounts);
  // In whole points: weighed by money, a line could get a point more than it can be paid with.
  const room = amounts.map((amount, i) => Math.floor((amount - (coupons[i] ?? 0)) / worth));
  const counts = allocate(points, room);
  return amounts.map((amount, i) => {
    const [couponAmount = 0, count = 0] = [coupons[i], counts[i]];
    if (couponAmount + count * worth > amount) throw new Error('broken invariant: a line gives more than it is worth');
    return { couponAmount, pointsAmount: count * worth, points: count };
  });
}

/** The most points that lines worth `amounts` can be paid with beside the coupon. */
export function mostPoints(amounts: readonly number[], coupon: number, currency: Currency): number {
  const worth = pointWorth(currency);
  const coupons = allocate(coupon, amounts);
  return amounts.reduce((most, amount, i) => most + Math.floor((amount - (coupons[i] ?? 0)) / worth), 0);
}
