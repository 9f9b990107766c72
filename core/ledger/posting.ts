import type { AccountRef } from './accounts.ts';

/** One side of a posting: debit positive, credit negative, in minor units of the account's currency. */
export interface Side {
  readonly account: AccountRef;
  readonly amount: number;
  readonly orderId?: string | null;
}

export type PostingKind = 'capture' | 'late_capture' | 'refund_asked' | 'refund_done' | 'refund_failed';

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
