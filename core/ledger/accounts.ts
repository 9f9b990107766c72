import type { Currency } from '../kernel/money.ts';

/**
 * The chart of accounts. Ids are readable and made of parts, so that an entry explains itself. Platform accounts carry no
 * balance of their own and are never a hot row; wallets and points limit theirs and will carry it (see `ledger.ts`).
 */
export type AccountKind = 'clearing' | 'merchant_payable' | 'refund_payable' | 'suspense' | 'subsidy';

export interface AccountRef {
  readonly id: string;
  readonly kind: AccountKind;
  readonly currency: Currency;
}

/** Cash a payment channel holds for us until it settles. Debit: it took money; credit: it gave some back. */
export function clearing(channel: string, currency: Currency): AccountRef {
  return { id: `clearing:${channel}:${currency}`, kind: 'clearing', currency };
}

/** What the merchant has earned and will be paid. */
export function merchantPayable(currency: Currency): AccountRef {
  return { id: `merchant_payable:${currency}`, kind: 'merchant_payable', currency };
}

/** What buyers are to get back. */
export function refundPayable(currency: Currency): AccountRef {
  return { id: `refund_payable:${currency}`, kind: 'refund_payable', currency };
}

/** Money that came when it was no longer expected, until it is clear whose it is. */
export function suspense(currency: Currency): AccountRef {
  return { id: `suspense:${currency}`, kind: 'suspense', currency };
}

/** What the platform adds to a payment: coupons. */
export function subsidy(currency: Currency): AccountRef {
  return { id: `subsidy:${currency}`, kind: 'subsidy', currency };
}
