import { type Currency, currencyExponent } from '../kernel/money.ts';

/*
 * What points (积分) are worth, what brings them and how long they last. Points are counted in the currency PTS.
 */

const DAY_MS = 24 * 3_600_000;

/** Points of completed orders, and granted ones of which nothing else was said. */
export const POINTS_LAST_MS = 365 * DAY_MS;

/** Points that come back by a refund can be used for so long at least, also when they would have ended before. */
export const RETURNED_LAST_MS = 30 * DAY_MS;

/** Of each 100 points' worth of cash that was paid and kept, one point is earned. */
const EARN_ONE_OF = 100;

/**
 * Minor units that one point is worth: 0.01 of the currency, and where that has no hundredths (JPY) its smallest coin. A
 * currency of three digits (KWD) has 10 of its units in a point.
 */
export function pointWorth(currency: Currency): number {
  return 10 ** Math.max(0, currencyExponent(currency) - 2);
}

/** The points that an order brings whose shopper paid, and was not given back, so much cash. Rounded down. */
export function pointsEarnedBy(cash: number, currency: Currency): number {
  return Math.floor(cash / (EARN_ONE_OF * pointWorth(currency)));
}
