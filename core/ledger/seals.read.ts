import type { Sql } from '../kernel/db/database.ts';

/**
 * One entry with its posting as the chain hashes it. The text of a row is unambiguous (what is missing differs from what is
 * empty, and text is quoted); times are microseconds, so that no session's time zone shows in them. The posting is looked up
 * entry by entry: a planner that must guess how many entries lie between two places joins them with all postings there are.
 */
const LINE = `ROW(e.id, e.xid, e.posting_id, e.account_id, e.amount, e.currency, e.order_id, e.account_sequence, e.balance_after,
    (extract(epoch FROM e.at) * 1000000)::bigint,
    (SELECT ROW(p.kind, p.reference, p.pay_order_id, p.reason, (extract(epoch FROM p.at) * 1000000)::bigint)
      FROM core.posting p WHERE p.id = e.posting_id))::text`;

/** The hash of the entries `e` with their postings, on top of the block before. SQL; SHA-256 as hex. */
export function hashOf(previous: string): string {
  return `encode(sha256(convert_to(${previous} || E'\\n' || coalesce(string_agg(${LINE}, E'\\n' ORDER BY e.xid, e.id), ''),
    'UTF8')), 'hex')`;
}

/**
 * Blocks that are not what they were when they were sealed, as the rows of a check: their entries hash to something else,
 * or they do not follow on the block before. `which` is a condition over the block `s`, from code. Hashes each block named.
 */
export function brokenBlocks(which: string): string {
  return `SELECT s.block::text AS row_key, 0 AS amount, 'XXX' AS currency,
      CASE WHEN NOT follows THEN format('block %s does not follow on block %s', s.block, s.block - 1)
        ELSE format('block %s holds %s entries and hashes to %s; it was sealed with %s entries as %s',
          s.block, now.entries, now.hash, s.entries, s.hash) END AS detail,
      jsonb_build_object('block', s.block, 'from', s.after_id, 'upTo', s.upto_id, 'entries', now.entries,
        'sealedEntries', s.entries, 'hash', now.hash, 'sealedHash', s.hash) AS row, s.at AS first_bad_at
    FROM core.seal s
    LEFT JOIN core.seal b ON b.block = s.block - 1
    CROSS JOIN LATERAL (SELECT CASE WHEN s.block = 1 THEN s.previous = '' AND s.after_xid = '0' AND s.after_id = 0
      ELSE coalesce(s.previous = b.hash AND (s.after_xid, s.after_id) = (b.upto_xid, b.upto_id), false) END AS follows) link
    CROSS JOIN LATERAL (SELECT count(*) AS entries, ${hashOf('s.previous')} AS hash
      FROM (SELECT * FROM core.entry WHERE (xid, id) > (s.after_xid, s.after_id) AND (xid, id) <= (s.upto_xid, s.upto_id)
        ORDER BY core.entry.xid, core.entry.id) e) now
    WHERE (${which}) AND (NOT follows OR now.hash <> s.hash)`;
}

/** How far the chain and its rolling verification are. */
export interface SealStanding {
  /** The newest block; null: nothing was sealed yet. */
  readonly head: { readonly block: number; readonly hash: string; readonly systemIdentifier: string } | null;
  /** When the oldest entry that is not sealed was written. */
  readonly unsealedSince: Date | null;
  /** When the first block was sealed. */
  readonly firstAt: Date | null;
  /** All history was hashed again after this moment; null: not once yet. */
  readonly wholeSince: Date | null;
}

export async function readSealStanding(sql: Sql): Promise<SealStanding> {
  const rows = await sql.query<{
    block: number | null;
    hash: string;
    system_identifier: string;
    unsealed_since: Date | null;
    first_at: Date | null;
    whole_since: Date | null;
  }>({
    name: 'seal_standing',
    text: `SELECT h.block, h.hash, h.system_identifier,
        (SELECT e.at FROM core.entry e WHERE (e.xid, e.id) > (coalesce(h.upto_xid, '0'), coalesce(h.upto_id, 0))
          ORDER BY e.xid, e.id LIMIT 1) AS unsealed_since,
        (SELECT at FROM core.seal WHERE block = 1) AS first_at, (SELECT whole_since FROM core.seal_round) AS whole_since
      FROM (SELECT 1) one LEFT JOIN (SELECT * FROM core.seal ORDER BY block DESC LIMIT 1) h ON true`,
  });
  const row = rows[0];
  if (row === undefined) throw new Error('broken invariant: the chain gave no answer');
  const { block, hash, system_identifier: systemIdentifier } = row;
  return {
    head: block === null ? null : { block, hash, systemIdentifier },
    unsealedSince: row.unsealed_since,
    firstAt: row.first_at,
    wholeSince: row.whole_since,
  };
}
