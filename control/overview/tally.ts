import type { Clock } from '../../core/kernel/clock.ts';
import type { Database, Sql, Tx } from '../../core/kernel/db/database.ts';
import type { Metrics } from '../../core/kernel/metrics.ts';
import type { MoneyAmount } from '../api/contract.ts';

/** The cursor's name among the consumers of the event rows. */
export const TALLY = 'control.tally';
const BATCH = 5_000;

/** What happened on one day (UTC). */
export interface DayTally {
  /** `machine state` → rows that entered it. */
  readonly entered: ReadonlyMap<string, number>;
  /** What was paid, per currency. */
  readonly paid: readonly MoneyAmount[];
}

/**
 * Adds up the event rows that came since the last time, at most a batch; answers how many. Replicas share the cursor:
 * whoever finds it locked leaves the work to its holder. Rows are read behind the snapshot horizon in (xid, id) order,
 * so that a transaction that commits late is not passed over.
 */
export async function advanceTally(db: Database, clock: Clock, metrics: Metrics): Promise<number> {
  const { taken, oldest } = await db.tx(async (tx) => {
    const cursor = await lockCursor(tx);
    if (cursor === undefined) return { taken: 0, oldest: undefined };
    return addUp(tx, cursor);
  });
  const lagMs = oldest === undefined ? 0 : clock.now().getTime() - oldest.getTime();
  metrics.gauge('busLag', { consumer: TALLY }).set(Math.max(0, lagMs / 1000));
  return taken;
}

/** Makes the cursor, at the beginning of the events, when there is none yet. */
export async function openTally(sql: Sql): Promise<void> {
  await sql.query({
    text: `INSERT INTO core.consumer (name, xid, event_id) VALUES ($1, '0'::xid8, 0) ON CONFLICT DO NOTHING`,
    values: [TALLY],
  });
}

interface Cursor {
  readonly xid: string;
  readonly eventId: number;
}

async function lockCursor(tx: Tx): Promise<Cursor | undefined> {
  const rows = await tx.query<Cursor>({
    name: 'tally.cursor',
    text: `SELECT xid::text, event_id AS "eventId" FROM core.consumer WHERE name = $1 FOR UPDATE SKIP LOCKED`,
    values: [TALLY],
  });
  return rows[0];
}

async function addUp(tx: Tx, cursor: Cursor): Promise<{ taken: number; oldest: Date | undefined }> {
  const rows = await tx.query<{ taken: number; xid: string | null; eventId: number | null }>({
    name: 'tally.add',
    text: `WITH batch AS MATERIALIZED (
        SELECT xid, id, machine, entity_id, to_state, (at AT TIME ZONE 'UTC')::date AS day,
          from_state IS DISTINCT FROM to_state AS moved
        FROM core.event
        WHERE (xid, id) > ($1::xid8, $2::bigint) AND xid < pg_snapshot_xmin(pg_current_snapshot())
        ORDER BY xid, id LIMIT ${BATCH}
      ), added AS (
        INSERT INTO control.tally AS t (day, subject, key, value)
        SELECT day, machine, to_state, count(*) FROM batch WHERE moved GROUP BY day, machine, to_state
        UNION ALL
        SELECT b.day, 'paid', o.currency, sum(o.payable)::bigint
        FROM batch b JOIN core.orders o ON o.id = b.entity_id
        WHERE b.moved AND b.machine = 'order' AND b.to_state = 'O1' GROUP BY b.day, o.currency
        ON CONFLICT (day, subject, key) DO UPDATE SET value = t.value + excluded.value
      ), last AS (SELECT xid, id FROM batch ORDER BY xid DESC, id DESC LIMIT 1)
      SELECT (SELECT count(*) FROM batch) AS taken, (SELECT xid::text FROM last) AS xid,
        (SELECT id FROM last) AS "eventId"`,
    values: [cursor.xid, cursor.eventId],
  });
  const [{ taken, xid, eventId } = { taken: 0, xid: null, eventId: null }] = rows;
  if (xid !== null) {
    await tx.query({
      name: 'tally.move',
      text: 'UPDATE core.consumer SET xid = $2::xid8, event_id = $3 WHERE name = $1',
      values: [TALLY, xid, eventId],
    });
  }
  const waiting = await tx.query<{ at: Date }>({
    name: 'tally.lag',
    text: 'SELECT at FROM core.event WHERE (xid, id) > ($1::xid8, $2::bigint) ORDER BY xid, id LIMIT 1',
    values: [xid ?? cursor.xid, eventId ?? cursor.eventId],
  });
  return { taken, oldest: waiting[0]?.at };
}

export async function readDay(sql: Sql, clock: Clock): Promise<DayTally> {
  const day = clock.now().toISOString().slice(0, 10);
  const rows = await sql.query<{ subject: string; key: string; value: number }>({
    name: 'tally.day',
    text: 'SELECT subject, key, value FROM control.tally WHERE day = $1::date ORDER BY subject, key',
    values: [day],
  });
  return {
    entered: new Map(
      rows.filter(({ subject }) => subject !== 'paid').map((row) => [`${row.subject} ${row.key}`, row.value]),
    ),
    paid: rows.filter(({ subject }) => subject === 'paid').map(({ key, value }) => ({ amount: value, currency: key })),
  };
}
