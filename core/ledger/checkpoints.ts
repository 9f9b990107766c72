import type { Clock } from '../kernel/clock.ts';
import type { Database } from '../kernel/db/database.ts';

/** Checkpoints kept per account: enough to check each against the one before it. */
const KEEP = 100;

/**
 * Writes a checkpoint for every platform account that got entries since its last one: the sum of its entries (debit
 * positive) behind the snapshot horizon, where nothing can still appear. So the balance of an account that no one may
 * lock is a checkpoint plus what came since. Returns the accounts written.
 *
 * Running it twice at once writes the same row twice, which the key refuses quietly.
 */
export async function writeCheckpoints(kit: { readonly db: Database; readonly clock: Clock }): Promise<string[]> {
  return kit.db.tx(async (tx) => {
    // Transaction ids start anew after dump and restore: a checkpoint from the future is of another life of the data.
    await tx.query({
      name: 'checkpoints_forget',
      text: 'DELETE FROM core.checkpoint WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())',
    });
    const rows = await tx.query<{ account_id: string }>({
      name: 'checkpoints_write',
      text: `INSERT INTO core.checkpoint (account_id, xid, entry_id, balance, at)
        SELECT a.id, newest.xid, newest.id, coalesce(last.balance, 0) + since.total, $1
        FROM core.account a
        LEFT JOIN LATERAL (SELECT * FROM core.checkpoint WHERE account_id = a.id
          ORDER BY xid DESC, entry_id DESC LIMIT 1) last ON true
        JOIN LATERAL (SELECT e.xid, e.id FROM core.entry e
          WHERE e.account_id = a.id AND e.xid < pg_snapshot_xmin(pg_current_snapshot())
          ORDER BY e.xid DESC, e.id DESC LIMIT 1) newest
          ON (newest.xid, newest.id) > (coalesce(last.xid, '0'), coalesce(last.entry_id, 0))
        CROSS JOIN LATERAL (SELECT sum(e.amount)::bigint AS total FROM core.entry e WHERE e.account_id = a.id
          AND (e.xid, e.id) > (coalesce(last.xid, '0'), coalesce(last.entry_id, 0))
          AND (e.xid, e.id) <= (newest.xid, newest.id)) since
        WHERE a.balance IS NULL
        ON CONFLICT (account_id, xid, entry_id) DO NOTHING RETURNING account_id`,
      values: [kit.clock.now()],
    });
    const written = rows.map((row) => row.account_id);
    if (written.length > 0) {
      await tx.query({
        name: 'checkpoints_prune',
        text: `DELETE FROM core.checkpoint c USING (
            SELECT account_id, xid, entry_id, row_number() OVER (PARTITION BY account_id ORDER BY xid DESC, entry_id DESC) AS n
            FROM core.checkpoint WHERE account_id = ANY($1)) old
          WHERE old.n > ${KEEP} AND c.account_id = old.account_id AND c.xid = old.xid AND c.entry_id = old.entry_id`,
        values: [written],
      });
    }
    return written;
  });
}
