import type { Sql } from '../kernel/db/database.ts';
import { CURRENCIES, type Currency } from '../kernel/money.ts';
import { type AccountRef, POINTS, points, wallet } from './accounts.ts';

/**
 * An account as finance sees it, as text of minor units, because sums may pass 2^53. A platform account's `balance` is debit
 * positive; one that limits its balance (`floor` not null) shows its holder's claim, what was credited.
 */
export interface AccountView {
  readonly id: string;
  readonly kind: string;
  readonly currency: Currency;
  readonly balance: string;
  readonly floor: number | null;
  /** How many entries it has had; null for platform accounts. */
  readonly sequence: number | null;
}

/**
 * The balance of an account: what it carries when it limits it, else the newest checkpoint plus what came since. The
 * cost is what came since the checkpoint, whatever the history.
 */
export async function accountOf(sql: Sql, id: string): Promise<AccountView | null> {
  const rows = await sql.query<AccountView>({
    name: 'ledger_account',
    text: `SELECT a.id, a.kind, a.currency, a.floor, a.sequence, coalesce(a.balance::numeric, coalesce(c.balance, 0) + coalesce((
          SELECT sum(e.amount) FROM core.entry e
          WHERE e.account_id = a.id AND (c.xid IS NULL OR (e.xid, e.id) > (c.xid, c.entry_id))), 0))::text AS balance
      FROM core.account a
      LEFT JOIN LATERAL (SELECT xid, entry_id, balance FROM core.checkpoint
        WHERE account_id = a.id ORDER BY xid DESC, entry_id DESC LIMIT 1) c ON true
      WHERE a.id = $1`,
    values: [id],
  });
  return rows[0] ?? null;
}

/** What a user holds: the wallets of every currency, and the points, that were ever used. */
export async function accountsOfUser(sql: Sql, userId: number): Promise<AccountView[]> {
  const ids = [...CURRENCIES.map((currency) => wallet(userId, currency).id), points(userId).id];
  return sql.query<AccountView>({
    name: 'ledger_accounts_of_user',
    text: `SELECT id, kind, currency, floor, sequence, balance::text AS balance FROM core.account
      WHERE id = ANY($1) AND floor IS NOT NULL ORDER BY id`,
    values: [ids],
  });
}

/** The user's account in a currency; `PTS`: the points. */
export function accountOfUser(userId: number, currency: Currency): AccountRef {
  return currency === POINTS ? points(userId) : wallet(userId, currency);
}

/** A place in the journal's commit order. */
export interface EntryPlace {
  readonly xid: string;
  readonly id: number;
}

export interface EntryView extends EntryPlace {
  readonly kind: string;
  readonly reference: string;
  readonly payOrderId: string | null;
  readonly accountId: string;
  readonly amount: number;
  readonly currency: Currency;
  readonly orderId: string | null;
  /** Of accounts that limit their balance: the entry's number in the account, and what the entry left on it. */
  readonly number: number | null;
  readonly balanceAfter: number | null;
  readonly at: Date;
}

const ENTRY = `SELECT e.id, e.xid::text AS xid, p.kind, p.reference, p.pay_order_id AS "payOrderId", e.account_id AS "accountId", e.amount, e.currency,
  e.order_id AS "orderId", e.account_sequence AS number, e.balance_after AS "balanceAfter", e.at FROM core.entry e JOIN core.posting p ON p.id = e.posting_id`;

/** Behind every entry. */
const LAST: EntryPlace = { xid: '18446744073709551615', id: Number.MAX_SAFE_INTEGER };

/**
 * The newest entries of an account in commit order, before a place when given. What was committed before the first page is
 * on exactly one of them: the order of what is there never changes, whatever commits in between.
 */
export async function entriesOf(
  sql: Sql,
  accountId: string,
  before: EntryPlace | null,
  limit: number,
): Promise<EntryView[]> {
  return sql.query<EntryView>({
    name: 'ledger_entries',
    text: `${ENTRY} WHERE e.account_id = $1 AND (e.xid, e.id) < ($2::xid8, $3::bigint)
      ORDER BY e.xid DESC, e.id DESC LIMIT $4`,
    values: [accountId, before?.xid ?? LAST.xid, before?.id ?? LAST.id, limit],
  });
}

/**
 * The statement of an account that limits its balance: its entries by number, newest first, below a number when given.
 * The account's lock gives the numbers out, so they are the order in which its balance moved.
 */
export async function statementOf(
  sql: Sql,
  accountId: string,
  below: number | null,
  limit: number,
): Promise<EntryView[]> {
  return sql.query<EntryView>({
    name: 'ledger_statement',
    text: `${ENTRY} WHERE e.account_id = $1 AND e.account_sequence IS NOT NULL AND e.account_sequence < $2
      ORDER BY e.account_sequence DESC LIMIT $3`,
    values: [accountId, below ?? Number.MAX_SAFE_INTEGER, limit],
  });
}

/** Everything that was booked for a pay order, oldest first. Few: a capture, its refunds. */
export async function entriesOfPayOrder(sql: Sql, payOrderId: string): Promise<EntryView[]> {
  return sql.query<EntryView>({
    name: 'ledger_entries_of_pay_order',
    text: `${ENTRY} WHERE p.pay_order_id = $1 ORDER BY e.id LIMIT 1000`,
    values: [payOrderId],
  });
}
