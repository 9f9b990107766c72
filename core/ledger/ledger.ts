import type { Clock } from '../kernel/clock.ts';
import type { Sql } from '../kernel/db/database.ts';
import type { Currency } from '../kernel/money.ts';
import type { AccountRef } from './accounts.ts';
import { appendPosting } from './ledger.store.ts';

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

/**
 * Writes a posting and its entries inside the caller's transaction, next to the state move that it books. Sides of 0 are
 * left out; the rest must balance per currency. Returns false when this fact was posted before: nothing is written then.
 *
 * Throws on an unbalanced posting: that is a bug, and the transaction must not commit.
 */
export async function post(sql: Sql, clock: Clock, posting: Posting): Promise<boolean> {
  const sides = posting.sides.filter((side) => side.amount !== 0);
  demandBalance(posting.kind, sides);
  return appendPosting(sql, posting, sides, clock.now());
}

function demandBalance(kind: string, sides: readonly Side[]): void {
  const totals = new Map<Currency, bigint>();
  for (const { account, amount } of sides) {
    if (!Number.isSafeInteger(amount)) throw new Error(`broken invariant: ${amount} is no amount of minor units`);
    totals.set(account.currency, (totals.get(account.currency) ?? 0n) + BigInt(amount));
  }
  for (const [currency, total] of totals) {
    if (total !== 0n) throw new Error(`broken invariant: posting ${kind} is off by ${total} ${currency}`);
  }
}
