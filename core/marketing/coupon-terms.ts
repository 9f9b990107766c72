import { type Refusal, refuse } from '../kernel/errors.ts';
import { type Currency, formatMoney, type Money, money } from '../kernel/money.ts';

/** 立减, 满减, 折扣. */
export const COUPON_KINDS = ['fixed', 'threshold', 'percentage'] as const;
export type CouponKind = (typeof COUPON_KINDS)[number];

/** What a coupon takes off, and from which worth of the goods. Amounts in minor units. */
export interface CouponTerms {
  readonly kind: CouponKind;
  readonly currency: Currency;
  /** What it takes off; of a percentage, the most that it takes off. */
  readonly amount: number;
  /** 0 for none. */
  readonly threshold: number;
  /** Of a percentage: hundredths of a percent, 1..10,000. */
  readonly basisPoints: number | null;
}

/**
 * What a coupon takes off goods of this worth, never more than they are worth. A percentage is rounded down, to the
 * shopper's disfavour by less than one minor unit: what was promised is a part, and no rounding may pass the budget.
 */
export function worthOf(terms: CouponTerms, goods: number): number {
  const part =
    terms.basisPoints === null ? terms.amount : Number((BigInt(goods) * BigInt(terms.basisPoints)) / 10_000n);
  return Math.min(part, terms.amount, goods);
}

/** Why terms do not fit together, or null. */
export function refuseTerms({ kind, currency, threshold, basisPoints }: CouponTerms): Refusal | null {
  const fault = (path: string, message: string): Refusal =>
    refuse('invalid_request', `A ${kind} coupon does not fit: ${path} ${message}.`, { errors: [{ path, message }] });
  if (currency === 'PTS') return fault('amount.currency', 'must be money, not points');
  if (kind === 'percentage' && basisPoints === null)
    return fault('basisPoints', 'says how much is taken off, such as 1500 for 15 %');
  if (kind !== 'percentage' && basisPoints !== null) return fault('basisPoints', 'is for percentages only');
  if (kind === 'threshold' && threshold === 0) return fault('threshold', 'is needed; without one the kind is fixed');
  if (kind === 'fixed' && threshold !== 0) return fault('threshold', 'makes it a coupon of the kind threshold');
  return null;
}

/** When and on what a coupon may be used, as far as that follows from its terms. */
export function whyUnfit(
  code: string,
  terms: CouponTerms & { readonly validFrom: Date | null; readonly validUntil: Date },
  goods: Money,
  now: Date,
): Refusal | null {
  if (terms.currency !== goods.currency) {
    return refuse('currency_mismatch', `Coupon ${code} is worth ${terms.currency}, the order is in ${goods.currency}.`);
  }
  if (terms.validUntil <= now) {
    return refuse('coupon_unusable', `Coupon ${code} was valid until ${terms.validUntil.toISOString()}.`);
  }
  if (terms.validFrom !== null && terms.validFrom > now) {
    return refuse('coupon_unusable', `Coupon ${code} is valid from ${terms.validFrom.toISOString()}.`);
  }
  if (goods.amount < terms.threshold) {
    const least = formatMoney(money(terms.threshold, terms.currency));
    return refuse('coupon_unusable', `Coupon ${code} needs goods worth ${least} at least.`);
  }
  if (worthOf(terms, goods.amount) === 0) {
    return refuse('coupon_unusable', `Coupon ${code} takes nothing off goods worth ${formatMoney(goods)}.`);
  }
  return null;
}
