import { check } from 'drizzle-orm/pg-core';
import { amount, at, bigint, core, index, integer, primaryKey, sql, text, uniqueIndex, xid8 } from './columns.ts';

/**
 * An account. Those that limit their balance (wallets, points) carry `balance` and `sequence`, moved under a row lock;
 * platform accounts carry neither and are never a hot row: their balance is a checkpoint plus what came since.
 */
export const account = core.table(
  'account',
  {
    id: text('id').primaryKey(),
    kind: text('kind').notNull(),
    currency: text('currency').notNull(),
    /** The least the balance may be, as a holder's claim; NULL for platform accounts. */
    floor: amount('floor'),
    balance: amount('balance'),
    sequence: bigint('sequence', { mode: 'number' }),
    createdAt: at('created_at').notNull(),
  },
  (t) => [
    check(
      'account_limited_or_not',
      sql`(${t.floor} IS NULL) = (${t.balance} IS NULL) AND (${t.floor} IS NULL) = (${t.sequence} IS NULL)`,
    ),
    check('account_floor', sql`${t.balance} >= ${t.floor}`),
  ],
);

/** One business fact that moved money. `(kind, reference)` is unique: a capture or a refund is posted exactly once. */
export const posting = core.table(
  'posting',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    kind: text('kind').notNull(),
    reference: text('reference').notNull(),
    payOrderId: text('pay_order_id'),
    reason: text('reason').notNull(),
    at: at('at').notNull(),
    xid: xid8('xid').notNull().default(sql`pg_current_xact_id()`),
  },
  (t) => [uniqueIndex('posting_once').on(t.kind, t.reference), index('posting_pay_order').on(t.payOrderId)],
);

/** One side of a posting. Debit is positive, credit negative; a posting's entries sum to 0 per currency. Append only. */
export const entry = core.table(
  'entry',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    postingId: bigint('posting_id', { mode: 'number' })
      .notNull()
      .references(() => posting.id),
    accountId: text('account_id')
      .notNull()
      .references(() => account.id),
    amount: amount('amount').notNull(),
    currency: text('currency').notNull(),
    orderId: text('order_id'),
    accountSequence: bigint('account_sequence', { mode: 'number' }),
    balanceAfter: amount('balance_after'),
    at: at('at').notNull(),
    xid: xid8('xid').notNull().default(sql`pg_current_xact_id()`),
  },
  (t) => [
    index('entry_posting').on(t.postingId),
    index('entry_account').on(t.accountId, t.xid, t.id),
    index('entry_commit_order').on(t.xid, t.id),
    uniqueIndex('entry_account_sequence').on(t.accountId, t.accountSequence).where(sql`account_sequence IS NOT NULL`),
    check('entry_moves_something', sql`${t.amount} <> 0`),
  ],
);

/** The balance of an account after every entry up to and including (xid, id): the floor of what must be summed again. */
export const checkpoint = core.table(
  'checkpoint',
  {
    accountId: text('account_id')
      .notNull()
      .references(() => account.id),
    xid: xid8('xid').notNull(),
    entryId: bigint('entry_id', { mode: 'number' }).notNull(),
    balance: amount('balance').notNull(),
    at: at('at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.xid, t.entryId] })],
);

/**
 * A block of the hash chain over the journal: the entries in (after, upto] by (xid, id), and the hash of them and of the
 * block before. Append only.
 */
export const seal = core.table('seal', {
  block: bigint('block', { mode: 'number' }).primaryKey(),
  afterXid: xid8('after_xid').notNull(),
  afterId: bigint('after_id', { mode: 'number' }).notNull(),
  uptoXid: xid8('upto_xid').notNull(),
  uptoId: bigint('upto_id', { mode: 'number' }).notNull(),
  entries: integer('entries').notNull(),
  /** SHA-256, hex; of the block before, empty for the first. */
  previous: text('previous').notNull(),
  hash: text('hash').notNull(),
  /** Which life of the server the transaction ids are of. */
  systemIdentifier: text('system_identifier').notNull(),
  at: at('at').notNull(),
});

/** How far the rolling re-hash of all blocks is. One row. */
export const sealRound = core.table('seal_round', {
  name: text('name').primaryKey(),
  /** The block that is hashed next. */
  nextBlock: bigint('next_block', { mode: 'number' }).notNull(),
  startedAt: at('started_at').notNull(),
  /** When the last whole round began that came to its end: all history was hashed after it. */
  wholeSince: at('whole_since'),
});

/** Blocks whose hash was another when they were hashed again; the check looks at each of them itself. */
export const sealSuspect = core.table('seal_suspect', {
  block: bigint('block', { mode: 'number' }).primaryKey(),
  at: at('at').notNull(),
});

/** A drifted balance that somebody wants rebuilt from the journal; another person decides. */
export const balanceRebuild = core.table(
  'balance_rebuild',
  {
    id: text('id').primaryKey(),
    accountId: text('account_id')
      .notNull()
      .references(() => account.id),
    /** What the account stored, and what the journal said, when it was asked for. */
    storedBalance: amount('stored_balance').notNull(),
    journalBalance: amount('journal_balance').notNull(),
    storedSequence: bigint('stored_sequence', { mode: 'number' }).notNull(),
    journalSequence: bigint('journal_sequence', { mode: 'number' }).notNull(),
    reason: text('reason').notNull(),
    proposedBy: text('proposed_by').notNull(),
    /** Who issued the proposer's token: no approver either. */
    proposerIssuer: text('proposer_issuer').notNull(),
    proposedAt: at('proposed_at').notNull(),
    decision: text('decision'),
    decidedBy: text('decided_by'),
    decidedAt: at('decided_at'),
  },
  (t) => [
    uniqueIndex('balance_rebuild_open').on(t.accountId).where(sql`decided_at IS NULL`),
    check('balance_rebuild_decision', sql`${t.decision} IN ('applied', 'rejected')`),
    check(
      'balance_rebuild_decided',
      sql`(${t.decision} IS NULL) = (${t.decidedBy} IS NULL) AND (${t.decision} IS NULL) = (${t.decidedAt} IS NULL)`,
    ),
    check('balance_rebuild_four_eyes', sql`${t.decision} <> 'applied' OR ${t.decidedBy} <> ${t.proposedBy}`),
  ],
);
