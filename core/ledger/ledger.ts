import type { Clock } from '../kernel/clock.ts';
import type { Sql } from '../kernel/db/database.ts';
import { ok, RefusalError, type Result, refuse } from '../kernel/errors.ts';
import type { Currency } from '../kernel/money.ts';
import { appendLimited, appendPosting, isPosted, type Shortage } from './ledger.store.ts';
import type { Posting, Side } from './posting.ts';

/**
 * Writes a posting and its entries inside the caller's transaction, next to the state move that it books. Sides of 0 are
 * left out; the rest must balance per currency. Returns false when this fact was posted before: nothing is written then.
 *
 * Throws on an unbalanced posting: that is a bug, and the transaction must not commit. A posting that would take a
 * limited balance below its floor throws a `RefusalError` (`balance_too_low`), so that the transaction around it ends too;
 * who can go on without it calls `tryPost`.
 */
export async function post(sql: Sql, clock: Clock, posting: Posting): Promise<boolean> {
  const posted = await tryPost(sql, clock, posting);
  if (!posted.ok) throw new RefusalError(posted);
  return posted.value;
}

/**
 * The same, with the refusal returned. Accounts that limit their balance (wallets, points) are locked in the order of
 * their ids; balance, sequence and entries change together. A fact that was posted before is known, whatever the balance.
 *
 * Refuses: `balance_too_low`, with nothing written.
 */
export async function tryPost(sql: Sql, clock: Clock, posting: Posting): Promise<Result<boolean>> {
  const sides = posting.sides.filter((side) => side.amount !== 0);
  demandBalance(posting.kind, sides);
  if (sides.every(({ account }) => account.floor === null)) {
    return ok(await appendPosting(sql, posting, sides, clock.now()));
  }
  const outcome = await appendLimited(sql, posting, sides, clock.now());
  if (outcome.kind !== 'short') return ok(outcome.kind === 'posted');
  // Two that bring one fact at once: the second waited for the balance that the first had taken.
  if (await isPosted(sql, posting)) return ok(false);
  return tooLow(posting, outcome.shortage);
}

function tooLow({ kind }: Posting, { accountId, balance, floor, wanted }: Shortage): Result<boolean> {
  return refuse(
    'balance_too_low',
    `The account ${accountId} holds ${balance} and must keep ${floor}: ${wanted} cannot be taken from it (${kind}).`,
    { meta: { account: accountId, balance, wanted } },
  );
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
