import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Currency } from '../../core/kernel/money.ts';
import { pointsEarnedBy, pointWorth } from '../../core/marketing/point-terms.ts';
import { mostPoints, spreadReduction } from '../../core/marketing/shares.ts';

const currency = fc.constantFrom<Currency>('CNY', 'JPY', 'KWD');
const amounts = fc.array(fc.integer({ min: 0, max: 10 ** 12 }), { minLength: 1, maxLength: 40 });
const part = fc.double({ min: 0, max: 1, noNaN: true });

test('a point is worth 0.01, and where there are no hundredths the smallest coin', () => {
  expect([pointWorth('CNY'), pointWorth('JPY'), pointWorth('KWD')]).toEqual([1, 1, 10]);
});

test('one point is earned for each 100 points of cash, rounded down', () => {
  expect([pointsEarnedBy(7_999, 'CNY'), pointsEarnedBy(99, 'JPY'), pointsEarnedBy(79_000, 'KWD')]).toEqual([79, 0, 79]);
});

describe('spreading a coupon and points over lines', () => {
  test('three lines share 0.01: the first of equals has it', () => {
    const shares = spreadReduction([100, 100, 100], { coupon: 1, points: 1 }, 'CNY');
    expect(shares.map((s) => s.couponAmount)).toEqual([1, 0, 0]);
    // By what the lines can still be paid with: the first has less room now.
    expect(shares.map((s) => s.points)).toEqual([0, 1, 0]);
  });

  test('three lines of 5 fils have no room for a point of 10', () => {
    expect(mostPoints([5, 5, 5], 0, 'KWD')).toBe(0);
    expect(mostPoints([15, 5, 29], 0, 'KWD')).toBe(3);
  });

  test('adds up exactly, and no line gives more than it is worth', () => {
    fc.assert(
      fc.property(amounts, part, part, currency, (lines, ofGoods, ofRoom, money) => {
        const coupon = Math.floor(lines.reduce((sum, a) => sum + a, 0) * ofGoods);
        const points = Math.floor(mostPoints(lines, coupon, money) * ofRoom);
        const shares = spreadReduction(lines, { coupon, points }, money);
        const sum = (of: (share: (typeof shares)[number]) => number): number =>
          shares.reduce((all, s) => all + of(s), 0);
        expect(sum((s) => s.couponAmount)).toBe(coupon);
        expect(sum((s) => s.points)).toBe(points);
        expect(sum((s) => s.pointsAmount)).toBe(points * pointWorth(money));
        for (const [i, s] of shares.entries()) {
          expect(Math.min(s.couponAmount, s.points)).toBeGreaterThanOrEqual(0);
          expect(s.couponAmount + s.pointsAmount).toBeLessThanOrEqual(lines[i] ?? 0);
        }
      }),
    );
  });
});
