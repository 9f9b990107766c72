import type { Sql } from '../kernel/db/database.ts';
import type { BusEvent } from './event.ts';

/** A place in commit order. `START` lies before every event. */
export interface Position {
  readonly xid: string;
  readonly eventId: number;
}

export const START: Position = { xid: '0', eventId: 0 };

/** How long one replica keeps a consumer to itself, by the database's clock. */
const LEASE_SECONDS = 20;
/** A lease with less than this left is renewed even when there is nothing to read. */
const RENEW_SECONDS = 10;

/** Makes the consumer's row where it is new. It begins before the first event: a new consumer sees the whole history. */
export async function ensureConsumer(sql: Sql, name: string): Promise<void> {
  await sql.query({
    name: 'bus_ensure',
    text: `INSERT INTO core.consumer (name, xid, event_id) VALUES ($1, '0', 0) ON CONFLICT (name) DO NOTHING`,
    values: [name],
  });
}

/**
 * Whether there is anything to do, asked without writing: `idle` only for whom the lease is sure for a while. So a bus on
 * which nothing happens costs reads, not commits.
 */
export async function peek(sql: Sql, name: string, holder: string): Promise<'new' | 'idle' | 'look'> {
  const rows = await sql.query<{ sure: boolean; waiting: boolean }>({
    name: 'bus_peek',
    text: `SELECT coalesce(c.holder = $2 AND c.lease_until > clock_timestamp() + interval '${RENEW_SECONDS} seconds', false) AS sure,
        EXISTS (SELECT FROM core.event e WHERE (e.xid, e.id) > (c.xid, c.event_id)
          AND e.xid < pg_snapshot_xmin(pg_current_snapshot())) AS waiting
      FROM core.consumer c WHERE c.name = $1`,
    values: [name, holder],
  });
  const row = rows[0];
  if (row === undefined) return 'new';
  return row.sure && !row.waiting ? 'idle' : 'look';
}

/** Takes or renews the consumer's lease. False: another replica has it, or it is being held back after a failure. */
export async function takeConsumer(sql: Sql, name: string, holder: string): Promise<boolean> {
  const rows = await sql.query({
    name: 'bus_take',
    text: `UPDATE core.consumer SET holder = $2, lease_until = clock_timestamp() + interval '${LEASE_SECONDS} seconds'
      WHERE name = (SELECT name FROM core.consumer WHERE name = $1
          AND (holder = $2 OR holder IS NULL OR lease_until < clock_timestamp())
          AND (retry_at IS NULL OR retry_at <= clock_timestamp()) FOR UPDATE SKIP LOCKED)
      RETURNING name`,
    values: [name, holder],
  });
  return rows.length === 1;
}

export async function releaseConsumer(sql: Sql, name: string, holder: string): Promise<void> {
  await sql.query({
    name: 'bus_release',
    text: 'UPDATE core.consumer SET holder = NULL, lease_until = NULL WHERE name = $1 AND holder = $2',
    values: [name, holder],
  });
}

/** The same for every consumer whose holder's name begins with `prefix`: what a process of that name left when it died. */
export async function releaseConsumersOf(sql: Sql, prefix: string): Promise<void> {
  await sql.query({
    name: 'bus_release_of',
    text: 'UPDATE core.consumer SET holder = NULL, lease_until = NULL WHERE starts_with(holder, $1)',
    values: [prefix],
  });
}

export interface Cursor extends Position {
  readonly tries: number;
}

/** Locks the cursor for this transaction. `null`: the lease went to another replica meanwhile. */
export async function lockCursor(sql: Sql, name: string, holder: string): Promise<Cursor | null> {
  const rows = await sql.query<{ xid: string; event_id: number; tries: number }>({
    name: 'bus_lock',
    text: 'SELECT xid::text, event_id, tries FROM core.consumer WHERE name = $1 AND holder = $2 FOR UPDATE',
    values: [name, holder],
  });
  const row = rows[0];
  return row === undefined ? null : { xid: row.xid, eventId: row.event_id, tries: row.tries };
}

const COLUMNS = `e.id, e.xid::text AS xid, e.type, e.machine, e.entity_id AS "entityId", e.scope,
    e.from_state AS "fromState", e.to_state AS "toState", e.actor, e.reason, e.at`;

/** Rows looked at in one go by who hears only some machines. */
const WINDOW_ROWS = 2_000;

export interface Read {
  readonly events: BusEvent[];
  /** How far was looked: the cursor's next place. Null: there is nothing new. */
  readonly last: Position | null;
}

/**
 * The events after a position in commit order, at most `limit`, of the machines named. Only rows of transactions below the
 * snapshot's horizon are shown: whatever lies there is decided, so nothing can still commit behind the cursor. The order
 * names the table's column: a bare `xid` would be the text of the answer, by which 100 comes before 99, and the cursor
 * would step back over what was taken, or pass over what was not.
 */
export async function readEvents(
  sql: Sql,
  after: Position,
  limit: number,
  machines: readonly string[] | null,
): Promise<Read> {
  if (machines === null) {
    const events = await sql.query<BusEvent>({
      name: 'bus_read',
      text: `SELECT ${COLUMNS} FROM core.event e
        WHERE (xid, id) > ($1::xid8, $2::bigint) AND xid < pg_snapshot_xmin(pg_current_snapshot())
        ORDER BY e.xid, e.id LIMIT $3`,
      values: [after.xid, after.eventId, limit],
    });
    return { events, last: placeOf(events.at(-1)) };
  }
  const rows = await sql.query<BusEvent & { readonly heard: boolean }>({
    name: 'bus_read_some',
    text: `WITH e AS MATERIALIZED (
        SELECT * FROM core.event WHERE (xid, id) > ($1::xid8, $2::bigint) AND xid < pg_snapshot_xmin(pg_current_snapshot())
        ORDER BY core.event.xid, core.event.id LIMIT ${WINDOW_ROWS}
      ), heard AS MATERIALIZED (
        SELECT * FROM e WHERE machine = ANY($4::text[]) ORDER BY e.xid, e.id LIMIT $3
      ), furthest AS (
        SELECT * FROM (SELECT * FROM e ORDER BY e.xid DESC, e.id DESC LIMIT 1) furthest
        WHERE (SELECT count(*) FROM heard) < $3 AND NOT machine = ANY($4::text[])
      ), shown AS (SELECT *, true AS heard FROM heard UNION ALL SELECT *, false FROM furthest)
      SELECT ${COLUMNS}, heard FROM shown e ORDER BY e.xid, e.id`,
    values: [after.xid, after.eventId, limit, machines],
  });
  const events = rows.filter(({ heard }) => heard).map(({ heard: _, ...event }) => event);
  return { events, last: placeOf(rows.at(-1)) };
}

function placeOf(event: BusEvent | undefined): Position | null {
  return event === undefined ? null : { xid: event.xid, eventId: event.id };
}

/** Moves the cursor; what had failed before is forgotten. */
export async function moveCursor(sql: Sql, name: string, to: Position): Promise<void> {
  await sql.query({
    name: 'bus_move',
    text: `UPDATE core.consumer SET xid = $2::xid8, event_id = $3, tries = 0, retry_at = NULL, last_error = NULL WHERE name = $1`,
    values: [name, to.xid, to.eventId],
  });
}

/** Counts a failure of the event at hand and holds the consumer back. */
export async function holdBack(sql: Sql, name: string, error: string, ms: number): Promise<void> {
  await sql.query({
    name: 'bus_hold_back',
    text: `UPDATE core.consumer SET tries = tries + 1, last_error = $2,
        retry_at = clock_timestamp() + $3 * interval '1 millisecond' WHERE name = $1`,
    values: [name, error, ms],
  });
}

export async function parkEvent(sql: Sql, name: string, eventId: number, reason: string, now: Date): Promise<void> {
  await sql.query({
    name: 'bus_park',
    text: `INSERT INTO core.parked_event (consumer, event_id, reason, parked_at) VALUES ($1, $2, $3, $4)
      ON CONFLICT (consumer, event_id) DO UPDATE SET reason = excluded.reason, parked_at = excluded.parked_at, asked_at = NULL`,
    values: [name, eventId, reason, now],
  });
}

export async function countParked(sql: Sql, name: string): Promise<number> {
  const rows = await sql.query<{ count: number }>({
    name: 'bus_parked',
    text: 'SELECT count(*) AS count FROM core.parked_event WHERE consumer = $1',
    values: [name],
  });
  return rows[0]?.count ?? 0;
}

/** Locks a parked event and reads it; null when it is not, or no longer, parked. */
export async function lockParked(sql: Sql, name: string, eventId: number): Promise<BusEvent | null> {
  const rows = await sql.query<BusEvent>({
    name: 'bus_parked_lock',
    text: `SELECT ${COLUMNS} FROM core.parked_event p JOIN core.event e ON e.id = p.event_id
      WHERE p.consumer = $1 AND p.event_id = $2 FOR UPDATE OF p`,
    values: [name, eventId],
  });
  return rows[0] ?? null;
}

export async function unpark(sql: Sql, name: string, eventId: number): Promise<void> {
  await sql.query({
    name: 'bus_unpark',
    text: 'DELETE FROM core.parked_event WHERE consumer = $1 AND event_id = $2',
    values: [name, eventId],
  });
}

/** Takes events that were parked once, and were handled after all, off the parked ones. */
export async function unparkTaken(sql: Sql, name: string, eventIds: readonly number[]): Promise<void> {
  await sql.query({
    name: 'bus_unpark_taken',
    text: 'DELETE FROM core.parked_event WHERE consumer = $1 AND event_id = ANY($2::bigint[])',
    values: [name, eventIds],
  });
}

/** How many parked events were written by transactions that a snapshot with this horizon may not have seen. */
export async function countParkedFrom(sql: Sql, name: string, horizon: string): Promise<number> {
  const rows = await sql.query<{ count: number }>({
    name: 'bus_parked_from',
    text: `SELECT count(*) AS count FROM core.parked_event p JOIN core.event e ON e.id = p.event_id
      WHERE p.consumer = $1 AND e.xid >= $2::xid8`,
    values: [name, horizon],
  });
  return rows[0]?.count ?? 0;
}

/**
 * When the oldest event that the consumer has not handled was written; rows above the horizon count too. A cursor that
 * lies in the future of this server is of another life of it (dump and restore begin transaction ids anew): it will see
 * nothing for who knows how long, so it lags since the beginning of time until a person sends it to a position.
 */
export async function oldestWaiting(sql: Sql, name: string): Promise<Date | null> {
  const rows = await sql.query<{ at: Date | null }>({
    name: 'bus_oldest',
    // The cursor's place is a value for the inner query, so that the index finds it whatever the history.
    text: `SELECT CASE WHEN c.xid > pg_snapshot_xmax(pg_current_snapshot()) THEN to_timestamp(0)
          ELSE (SELECT e.at FROM core.event e WHERE (e.xid, e.id) > (c.xid, c.event_id) ORDER BY e.xid, e.id LIMIT 1)
        END AS at
      FROM (SELECT coalesce(max(xid::text), '0')::xid8 AS xid, coalesce(max(event_id), 0) AS event_id
        FROM core.consumer WHERE name = $1) c`,
    values: [name],
  });
  return rows[0]?.at ?? null;
}
