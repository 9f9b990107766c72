import type { Sql } from '../kernel/db/database.ts';
import type { Posting, Side } from './posting.ts';

/**
 * One statement: the accounts where they are new, the posting if it is new, and its entries only then. The accounts are
 * written in id order, so that two first postings at once cannot wait for each other in a ring.
 */
export async function appendPosting(sql: Sql, posting: Posting, sides: readonly Side[], now: Date): Promise<boolean> {
  const accounts = [...new Map(sides.map(({ account }) => [account.id, account])).values()].sort((a, b) =>
    a.id < b.id ? -1 : 1,
  );
  const rows = await sql.query<{ id: number }>({
    name: 'ledger_append',
    text: `WITH accounts AS (
        INSERT INTO core.account (id, kind, currency, created_at)
        SELECT id, kind, currency, $5::timestamptz
        FROM unnest($10::text[], $11::text[], $12::text[]) AS wanted (id, kind, currency)
        ON CONFLICT (id) DO NOTHING
      ), made AS (
        INSERT INTO core.posting (kind, reference, pay_order_id, reason, at) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (kind, reference) DO NOTHING RETURNING id
      ), sides AS (
        INSERT INTO core.entry (posting_id, account_id, amount, currency, order_id, at)
        SELECT made.id, side.account_id, side.amount, side.currency, side.order_id, $5
        FROM made, unnest($6::text[], $7::bigint[], $8::text[], $9::text[]) AS side (account_id, amount, currency, order_id)
      ) SELECT id FROM made`,
    values: [
      posting.kind,
      posting.reference,
      posting.payOrderId,
      posting.reason,
      now,
      sides.map((s) => s.account.id),
      sides.map((s) => s.amount),
      sides.map((s) => s.account.currency),
      sides.map((s) => s.orderId ?? null),
      accounts.map((a) => a.id),
      accounts.map((a) => a.kind),
      accounts.map((a) => a.currency),
    ],
  });
  return rows.length === 1;
}
