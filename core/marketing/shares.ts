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

/** A line as it was sold, with what it was paid with. */
export interface PaidLine extends LineShares {
  readonly quantity: number;
  /** What it cost in cash after its discount. */
  readonly payable: number;
}

/** What a part of a line was paid with. */
export interface PartShares extends LineShares {
  readonly cash: number;
}

/**
 * What `quantity` pieces of a line were paid with, when `before` pieces of it have been given back already. Each amount is
 * the difference of two running totals, rounded down, so that all parts add up to the line exactly, and the last one is
 * what is left.
 */
export function sharesOfPart(line: PaidLine, before: number, quantity: number): PartShares {
  if (before < 0 || quantity < 0 || before + quantity > line.quantity) {
    throw new Error(`broken invariant: ${before} + ${quantity} pieces of a line of ${line.quantity} are given back`);
  }
  const of = (total: number): number => upTo(line, total, before + quantity) - upTo(line, total, before);
  return {
    cash: of(line.payable),
    couponAmount: of(line.couponAmount),
    points: of(line.points),
    // Follows the points, so that a point is always worth the same.
    pointsAmount: line.points === 0 ? 0 : of(line.points) * (line.pointsAmount / line.points),
  };
}

function upTo(line: PaidLine, total: number, pieces: number): number {
  return Number((BigInt(total) * BigInt(pieces)) / BigInt(line.quantity));
}
