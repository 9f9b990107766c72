import type { Currency } from '../kernel/money.ts';

/**
 * The chart of accounts. Ids are readable and made of parts, so that an entry explains itself. Platform accounts carry no
 * balance of their own and are never a hot row; wallets and points limit theirs, and carry it (see `ledger.ts`).
 */
export type AccountKind =
  | 'bank'
  | 'channel_fee'
  | 'clearing'
  | 'commission_revenue'
  | 'customer_deposits'
  | 'forfeit_revenue'
  | 'merchant_payable'
  | 'points'
  | 'points_issued'
  | 'refund_payable'
  | 'subsidy'
  | 'suspense'
  | 'wallet';

export interface AccountRef {
  readonly id: string;
  readonly kind: AccountKind;
  readonly currency: Currency;
  /** The least its balance may be, as its holder's claim (what was credited); null where nothing limits it. */
  readonly floor: number | null;
}

/** The currency of points (积分); exponent 0. */
export const POINTS: Currency = 'PTS';

/** What a user may spend (余额): their claim on us, never below 0. */
export function wallet(userId: number, currency: Currency): AccountRef {
  return limited('wallet', userId, currency);
}

/** A user's points (积分), never below 0. */
export function points(userId: number): AccountRef {
  return limited('points', userId, POINTS);
}

/** The other side of all points: what the platform has given out. */
export function pointsIssued(): AccountRef {
  return platform('points_issued', POINTS);
}

/** Cash a payment channel holds for us until it settles. Debit: it took money; credit: it gave some back. */
export function clearing(channel: string, currency: Currency): AccountRef {
  return { id: `clearing:${channel}:${currency}`, kind: 'clearing', currency, floor: null };
}

/** What channels have settled to us. */
export function bank(currency: Currency): AccountRef {
  return platform('bank', currency);
}

/** What channels keep for their work. */
export function channelFee(currency: Currency): AccountRef {
  return platform('channel_fee', currency);
}

/** Deposits (定金) of orders whose balance is still to come, and wallet money set aside for a payment under way. */
export function customerDeposits(currency: Currency): AccountRef {
  return platform('customer_deposits', currency);
}

/** What the merchant has earned and will be paid. */
export function merchantPayable(currency: Currency): AccountRef {
  return platform('merchant_payable', currency);
}

/** What buyers are to get back. */
export function refundPayable(currency: Currency): AccountRef {
  return platform('refund_payable', currency);
}

/** Money that came when it was no longer expected, until it is clear whose it is. */
export function suspense(currency: Currency): AccountRef {
  return platform('suspense', currency);
}

/** What the platform adds to a payment: coupons, points, what a deposit is worth beyond what it cost. */
export function subsidy(currency: Currency): AccountRef {
  return platform('subsidy', currency);
}

/** The platform's share of what merchants sell. */
export function commissionRevenue(currency: Currency): AccountRef {
  return platform('commission_revenue', currency);
}

/** Forfeited deposits and cancellation penalties. */
export function forfeitRevenue(currency: Currency): AccountRef {
  return platform('forfeit_revenue', currency);
}

function platform(kind: AccountKind, currency: Currency): AccountRef {
  return { id: `${kind}:${currency}`, kind, currency, floor: null };
}

function limited(kind: AccountKind, userId: number, currency: Currency): AccountRef {
  return { id: `${kind}:${userId}:${currency}`, kind, currency, floor: 0 };
}
