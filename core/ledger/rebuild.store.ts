import type { Sql } from '../kernel/db/database.ts';

export interface LimitedAccount {
  readonly id: string;
  readonly floor: number;
  readonly balance: number;
  readonly sequence: number;
}

/** An account that stores its balance, locked. */
export async function lockLimited(sql: Sql, id: string): Promise<LimitedAccount | null> {
  const rows = await sql.query<LimitedAccount>({
    name: 'ledger_lock_limited',
    text: 'SELECT id, floor, balance, sequence FROM core.account WHERE id = $1 AND floor IS NOT NULL FOR UPDATE',
    values: [id],
  });
  return rows[0] ?? null;
}

export interface JournalSays {
  /** As its holder's claim. */
  readonly balance: number;
  /** The number of its last entry. */
  readonly sequence: number;
}

/** What all entries of an account come to. Reads its whole history: for a person's decision, not for every day. */
export async function sumOfEntries(sql: Sql, accountId: string): Promise<JournalSays> {
  const rows = await sql.query<JournalSays>({
    name: 'ledger_sum_of_entries',
    text: `SELECT coalesce(-sum(amount), 0)::bigint AS balance, greatest(coalesce(max(account_sequence), 0), count(*)) AS sequence
      FROM core.entry WHERE account_id = $1`,
    values: [accountId],
  });
  return rows[0] ?? { balance: 0, sequence: 0 };
}

export interface Rebuild {
  readonly id: string;
  readonly accountId: string;
  readonly storedBalance: number;
  readonly journalBalance: number;
  readonly storedSequence: number;
  readonly journalSequence: number;
  readonly reason: string;
  readonly proposedBy: string;
  readonly proposerIssuer: string;
  readonly proposedAt: Date;
  readonly decision: 'applied' | 'rejected' | null;
  readonly decidedBy: string | null;
  readonly decidedAt: Date | null;
}

const REBUILD = `id, account_id AS "accountId", stored_balance AS "storedBalance", journal_balance AS "journalBalance",
    stored_sequence AS "storedSequence", journal_sequence AS "journalSequence", reason, proposed_by AS "proposedBy",
    proposer_issuer AS "proposerIssuer", proposed_at AS "proposedAt", decision, decided_by AS "decidedBy",
    decided_at AS "decidedAt"`;

export interface NewRebuild {
  readonly id: string;
  readonly account: LimitedAccount;
  readonly journal: JournalSays;
  readonly reason: string;
  readonly proposedBy: string;
  readonly proposerIssuer: string;
  readonly now: Date;
}

/** Writes a proposal, or returns the one that is open for this account. The account is locked. */
export async function insertRebuild(sql: Sql, wish: NewRebuild): Promise<Rebuild> {
  const { account, journal } = wish;
  const rows = await sql.query<Rebuild>({
    name: 'rebuild_insert',
    text: `WITH made AS (
        INSERT INTO core.balance_rebuild (id, account_id, stored_balance, journal_balance, stored_sequence, journal_sequence,
          reason, proposed_by, proposer_issuer, proposed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT (account_id) WHERE decided_at IS NULL DO NOTHING RETURNING *)
      SELECT ${REBUILD} FROM made
      UNION ALL SELECT ${REBUILD} FROM core.balance_rebuild WHERE account_id = $2 AND decided_at IS NULL LIMIT 1`,
    values: [
      wish.id,
      account.id,
      account.balance,
      journal.balance,
      account.sequence,
      journal.sequence,
      wish.reason,
      wish.proposedBy,
      wish.proposerIssuer,
      wish.now,
    ],
  });
  const row = rows[0];
  if (row === undefined) throw new Error(`broken invariant: no rebuild of ${account.id} is open`);
  return row;
}

export async function lockRebuild(sql: Sql, id: string): Promise<Rebuild | null> {
  const rows = await sql.query<Rebuild>({
    name: 'rebuild_lock',
    text: `SELECT ${REBUILD} FROM core.balance_rebuild WHERE id = $1 FOR UPDATE`,
    values: [id],
  });
  return rows[0] ?? null;
}

export async function decideRebuild(
  sql: Sql,
  id: string,
  decision: 'applied' | 'rejected',
  by: string,
  now: Date,
): Promise<Rebuild> {
  const rows = await sql.query<Rebuild>({
    name: 'rebuild_decide',
    text: `UPDATE core.balance_rebuild SET decision = $2, decided_by = $3, decided_at = $4
      WHERE id = $1 AND decided_at IS NULL RETURNING ${REBUILD}`,
    values: [id, decision, by, now],
  });
  const row = rows[0];
  if (row === undefined) throw new Error(`broken invariant: the rebuild ${id} was decided under its lock`);
  return row;
}

export async function setBalance(sql: Sql, accountId: string, to: JournalSays): Promise<void> {
  await sql.query({
    name: 'rebuild_set',
    text: 'UPDATE core.account SET balance = $2, sequence = $3 WHERE id = $1',
    values: [accountId, to.balance, to.sequence],
  });
}
