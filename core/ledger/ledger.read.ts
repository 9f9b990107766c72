import type { Sql } from '../kernel/db/database.ts';
import type { Currency } from '../kernel/money.ts';

/** An account as finance sees it. `balance`: debits positive, as text of minor units, because sums may pass 2^53. */
export interface AccountView {
  readonly id: string;
  readonly kind: string;
  readonly currency: Currency;
  readonly balance: string;
}

/**
 * The balance of an account: what it carries when it limits it, else the newest checkpoint plus what came since. The
 * cost is what came since the checkpoint, whatever the history.
 */
export async function accountOf(sql: Sql, id: string): Promise<AccountView | null> {
  const rows = await sql.query<AccountView>({
    name: 'ledger_account',
    text: `SELECT a.id, a.kind, a.currency, coalesce(a.balance::numeric, coalesce(c.balance, 0) + coalesce((
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
  readonly at: Date;
}

const ENTRY = `SELECT e.id, e.xid::text AS xid, p.kind, p.reference, p.pay_order_id AS "payOrderId", e.account_id AS "accountId", e.amount, e.currency,
  e.order_id AS "orderId", e.at FROM core.entry e JOIN core.posting p ON p.id = e.posting_id`;

/** Behind every entry. */
const LAST: EntryPlace = { xid: '18446744073709551615', id: Number.MAX_SAFE_INTEGER };

/** The newest entries of an account in commit order, before a place when given. */
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

/** Everything that was booked for a pay order, oldest first. Few: a capture, its refunds. */
export async function entriesOfPayOrder(sql: Sql, payOrderId: string): Promise<EntryView[]> {
  return sql.query<EntryView>({
    name: 'ledger_entries_of_pay_order',
    text: `${ENTRY} WHERE p.pay_order_id = $1 ORDER BY e.id LIMIT 1000`,
    values: [payOrderId],
  });
}
