import type { Clock } from '../kernel/clock.ts';
import type { Sql } from '../kernel/db/database.ts';
import type { Currency } from '../kernel/money.ts';
import { appendPosting } from './ledger.store.ts';
import type { Posting, Side } from './posting.ts';

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
