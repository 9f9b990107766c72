import { ok, type Result, refuse } from './errors.ts';

/**
 * Money is an integer number of minor units and a currency whose exponent says what a unit is. Never a float: decimal
 * text is parsed digit by digit, and sums that may pass 2^53 are bigint.
 */
const EXPONENTS = {
  AED: 2,
  AUD: 2,
  BHD: 3,
  BRL: 2,
  CAD: 2,
  CHF: 2,
  CLP: 0,
  CNY: 2,
  EUR: 2,
  GBP: 2,
  HKD: 2,
  IDR: 2,
  INR: 2,
  JOD: 3,
  JPY: 0,
  KRW: 0,
  KWD: 3,
  MOP: 2,
  MXN: 2,
  MYR: 2,
  NOK: 2,
  NZD: 2,
  OMR: 3,
  PHP: 2,
  PLN: 2,
  PTS: 0,
  RUB: 2,
  SAR: 2,
  SEK: 2,
  SGD: 2,
  THB: 2,
  TND: 3,
  TRY: 2,
  TWD: 2,
  USD: 2,
  VND: 0,
  ZAR: 2,
} as const; // ISO 4217 exponents; PTS are loyalty points (积分)

export type Currency = keyof typeof EXPONENTS;

export const CURRENCIES = Object.keys(EXPONENTS) as [Currency, ...Currency[]];

/** `amount` is an integer of minor units, |amount| ≤ `MAX_AMOUNT`. */
export interface Money {
  readonly amount: number;
  readonly currency: Currency;
}

/** The largest single amount: 10^14 minor units. Far above any order, far below 2^53, so that 90 of them still add up. */
export const MAX_AMOUNT = 100_000_000_000_000;

export function isCurrency(text: string): text is Currency {
  return Object.hasOwn(EXPONENTS, text);
}

export function currencyExponent(currency: Currency): number {
  return EXPONENTS[currency];
}

/** A checked amount of minor units. Throws on what is no amount: input is checked before, at the edge. */
export function money(amount: number, currency: Currency): Money {
  if (!Number.isSafeInteger(amount) || Math.abs(amount) > MAX_AMOUNT) {
    throw new Error(`broken invariant: ${amount} is not an amount of minor units`);
  }
  return { amount, currency };
}

const DECIMAL = /^(-?)(\d{1,20})(?:\.(\d{1,20}))?$/;

/**
 * Decimal text to minor units, exactly: `79.00` CNY → 7900. Trailing zeros beyond the exponent are the same number;
 * any other further digit is refused (`amount_invalid`), as are exponents, blanks, signs other than `-`, and amounts
 * beyond `MAX_AMOUNT`.
 */
export function parseDecimal(text: string, currency: Currency): Result<Money> {
  const match = DECIMAL.exec(text);
  if (match === null) {
    return refuse('amount_invalid', `"${text.slice(0, 40)}" is not a decimal amount such as 79.00`);
  }
  const [, sign, whole = '', fraction = ''] = match;
  const exponent = EXPONENTS[currency];
  if (/[1-9]/.test(fraction.slice(exponent))) {
    return refuse('amount_invalid', `${text} has more digits than ${currency} has (${exponent} after the point)`);
  }
  const minor = BigInt(whole + fraction.slice(0, exponent).padEnd(exponent, '0'));
  if (minor > BigInt(MAX_AMOUNT)) return refuse('amount_invalid', `${text} ${currency} is beyond the largest amount`);
  const amount = Number(minor);
  return ok({ amount: sign === '-' && amount !== 0 ? -amount : amount, currency });
}

/** Minor units as decimal text with the currency's digits: 7900 CNY → `79.00`. */
export function formatAmount(amount: number | bigint, currency: Currency): string {
  const exponent = EXPONENTS[currency];
  const digits = (amount < 0 ? -BigInt(amount) : BigInt(amount)).toString().padStart(exponent + 1, '0');
  const sign = amount < 0 ? '-' : '';
  if (exponent === 0) return sign + digits;
  return `${sign}${digits.slice(0, -exponent)}.${digits.slice(-exponent)}`;
}

export function formatMoney(value: Money): string {
  return `${formatAmount(value.amount, value.currency)} ${value.currency}`;
}

/**
 * Splits `total` over `weights` by the largest remainder, so that the parts add up to it exactly. Ties go to the earlier
 * part. Weights are non-negative integers; with all of them 0 the whole goes to the first part.
 *
 * Source: Hamilton's method; the spec's "Splitting an amount".
 */
export function allocate(total: number, weights: readonly number[]): number[] {
  if (weights.length === 0) {
    if (total !== 0) throw new Error('broken invariant: an amount is split over nothing');
    return [];
  }
  const sum = weights.reduce((a, w) => a + BigInt(w), 0n);
  if (sum === 0n) return weights.map((_, i) => (i === 0 ? total : 0));
  const whole = BigInt(Math.abs(total));
  const parts = weights.map((w, index) => {
    const scaled = whole * BigInt(w);
    return { index, floor: scaled / sum, remainder: scaled % sum };
  });
  let rest = Number(whole - parts.reduce((a, p) => a + p.floor, 0n));
  const byRemainder = [...parts].sort((a, b) =>
    a.remainder === b.remainder ? a.index - b.index : a.remainder > b.remainder ? -1 : 1,
  );
  for (const part of byRemainder) {
    if (rest === 0) break;
    part.floor += 1n;
    rest -= 1;
  }
  const sign = total < 0 ? -1 : 1;
  return parts.map((p) => (p.floor === 0n ? 0 : sign * Number(p.floor)));
}
