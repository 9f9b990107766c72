import type { AccountRef } from './accounts.ts';

/** One side of a posting: debit positive, credit negative, in minor units of the account's currency. */
export interface Side {
  readonly account: AccountRef;
  readonly amount: number;
  readonly orderId?: string | null;
}

/** What happened, in the words of `booking.ts`. */
export type PostingKind =
  | 'capture'
  | 'commission'
  | 'commission_returned'
  | 'correction'
  | 'deposit_applied'
  | 'deposit_forfeited'
  | 'late_capture'
  | 'late_capture_revived'
  | 'penalty'
  | 'penalty_withdrawn'
  | 'points_clawed_back'
  | 'points_earned'
  | 'points_expired'
  | 'points_returned'
  | 'points_spent'
  | 'refund_asked'
  | 'refund_done'
  | 'refund_withdrawn'
  | 'settlement'
  | 'wallet_held'
  | 'wallet_released'
  | 'wallet_topped_up';

export interface Posting {
  readonly kind: PostingKind;
  /** The business fact: a capture's or a refund's id. With `kind` it is unique, so a fact is posted once. */
  readonly reference: string;
  readonly payOrderId: string | null;
  readonly reason: string;
  readonly sides: readonly Side[];
}

export function debit(account: AccountRef, amount: number, orderId?: string | null): Side {
  return { account, amount, orderId: orderId ?? null };
}

export function credit(account: AccountRef, amount: number, orderId?: string | null): Side {
  return { account, amount: -amount, orderId: orderId ?? null };
}
