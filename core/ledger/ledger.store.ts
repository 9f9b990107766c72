import type { Sql } from '../kernel/db/database.ts';
import type { AccountRef } from './accounts.ts';
import type { Posting, Side } from './posting.ts';

/**
 * One statement: the accounts where they are new, the posting if it is new, and its entries only then. The accounts are
 * written in id order, so that two first postings at once cannot wait for each other in a ring.
 */
export async function appendPosting(sql: Sql, posting: Posting, sides: readonly Side[], now: Date): Promise<boolean> {
  const accounts = accountsOf(sides);
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

export interface Shortage {
  readonly accountId: string;
  readonly balance: number;
  readonly floor: number;
  /** What the posting would take. */
  readonly wanted: number;
}

export type Appended =
  | { readonly kind: 'posted' }
  | { readonly kind: 'known' }
  | { readonly kind: 'short'; readonly shortage: Shortage };

/**
 * The same where accounts limit their balance. One statement: they are locked in id order, which reads them as they stand
 * behind the lock; then either everything is written, or nothing. An account that is new is made first: a statement does
 * not lock what was not there when it began. The new balance is counted from the locked row, never from the one the UPDATE
 * finds first: that is the snapshot's, which a credit that was waited for has outdated, and its check would refuse it.
 */
export async function appendLimited(sql: Sql, posting: Posting, sides: readonly Side[], now: Date): Promise<Appended> {
  const accounts = accountsOf(sides);
  const limited = accounts.filter(({ floor }) => floor !== null);
  const outcome = await appendBehindLocks(sql, posting, sides, accounts, now);
  if (outcome !== 'account missing') return outcome;
  await openLimited(sql, limited, now);
  const again = await appendBehindLocks(sql, posting, sides, accounts, now);
  if (again === 'account missing') throw new Error('broken invariant: an account that was just opened is not there');
  return again;
}

async function appendBehindLocks(
  sql: Sql,
  posting: Posting,
  sides: readonly Side[],
  accounts: readonly AccountRef[],
  now: Date,
): Promise<Appended | 'account missing'> {
  const limited = accounts.filter(({ floor }) => floor !== null);
  const platform = accounts.filter(({ floor }) => floor === null);
  const [row] = await sql.query<{ found: number; posted: boolean; short: Shortage | null }>({
    name: 'ledger_append_limited',
    text: APPEND_LIMITED,
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
      platform.map((a) => a.id),
      platform.map((a) => a.kind),
      platform.map((a) => a.currency),
      limited.map((a) => a.id),
    ],
  });
  if (row === undefined) throw new Error('broken invariant: the posting gave no answer');
  if (row.found < limited.length) return 'account missing';
  if (row.short !== null) return { kind: 'short', shortage: row.short };
  return { kind: row.posted ? 'posted' : 'known' };
}

const APPEND_LIMITED = `WITH side AS MATERIALIZED (
    SELECT * FROM unnest($6::text[], $7::bigint[], $8::text[], $9::text[])
      WITH ORDINALITY AS s (account_id, amount, currency, order_id, n)
  ), locked AS MATERIALIZED (
    SELECT id, balance, floor, sequence FROM core.account WHERE id = ANY($13::text[]) ORDER BY id FOR NO KEY UPDATE
  ), change AS MATERIALIZED (
    SELECT l.id, l.balance, l.floor, l.sequence, sum(s.amount)::bigint AS taken, count(*) AS entries
    FROM locked l JOIN side s ON s.account_id = l.id GROUP BY l.id, l.balance, l.floor, l.sequence
  ), short AS (
    SELECT * FROM change WHERE balance - taken < floor ORDER BY id LIMIT 1
  ), made AS (
    INSERT INTO core.posting (kind, reference, pay_order_id, reason, at)
    SELECT $1, $2, $3, $4, $5 WHERE NOT EXISTS (SELECT FROM short)
      AND (SELECT count(*) FROM locked) = cardinality($13::text[])
    ON CONFLICT (kind, reference) DO NOTHING RETURNING id
  ), accounts AS (
    INSERT INTO core.account (id, kind, currency, created_at)
    SELECT wanted.id, wanted.kind, wanted.currency, $5::timestamptz
    FROM made, unnest($10::text[], $11::text[], $12::text[]) AS wanted (id, kind, currency)
    ON CONFLICT (id) DO NOTHING
  ), moved AS (
    UPDATE core.account a SET balance = c.balance - c.taken, sequence = c.sequence + c.entries
    FROM change c, made WHERE a.id = c.id
  ), entries AS (
    INSERT INTO core.entry (posting_id, account_id, amount, currency, order_id, account_sequence, balance_after, at)
    SELECT made.id, s.account_id, s.amount, s.currency, s.order_id,
      l.sequence + count(*) OVER of_account, (l.balance - sum(s.amount) OVER of_account)::bigint, $5
    FROM made, side s LEFT JOIN locked l ON l.id = s.account_id
    WINDOW of_account AS (PARTITION BY s.account_id ORDER BY s.n) ORDER BY s.n
  )
  SELECT (SELECT count(*) FROM locked) AS found, EXISTS (SELECT FROM made) AS posted,
    (SELECT jsonb_build_object('accountId', id, 'balance', balance, 'floor', floor, 'wanted', taken) FROM short) AS short`;

async function openLimited(sql: Sql, accounts: readonly AccountRef[], now: Date): Promise<void> {
  await sql.query({
    name: 'ledger_open_limited',
    text: `INSERT INTO core.account (id, kind, currency, floor, balance, sequence, created_at)
      SELECT id, kind, currency, floor, 0, 0, $1::timestamptz
      FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[]) AS wanted (id, kind, currency, floor)
      ON CONFLICT (id) DO NOTHING`,
    values: [
      now,
      accounts.map((a) => a.id),
      accounts.map((a) => a.kind),
      accounts.map((a) => a.currency),
      accounts.map((a) => a.floor),
    ],
  });
}

/** Whether this fact stands in the journal. */
export async function isPosted(sql: Sql, { kind, reference }: Pick<Posting, 'kind' | 'reference'>): Promise<boolean> {
  const rows = await sql.query({
    name: 'ledger_is_posted',
    text: 'SELECT 1 FROM core.posting WHERE kind = $1 AND reference = $2',
    values: [kind, reference],
  });
  return rows.length === 1;
}

/** Each account once, in id order. */
function accountsOf(sides: readonly Side[]): AccountRef[] {
  return [...new Map(sides.map(({ account }) => [account.id, account])).values()].sort((a, b) =>
    a.id < b.id ? -1 : 1,
  );
}
