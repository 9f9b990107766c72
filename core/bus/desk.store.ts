import type { Sql } from '../kernel/db/database.ts';
import { type Position, START } from './bus.store.ts';

export interface ConsumerRow extends Position {
  readonly name: string;
  /** Who reads now; null when nobody does. */
  readonly holder: string | null;
  readonly tries: number;
  readonly retryAt: Date | null;
  readonly lastError: string | null;
  readonly parked: number;
  /** When the oldest event that it has not handled was written; null when it is up to date. */
  readonly oldest: Date | null;
}

const CONSUMER = `SELECT c.name, c.xid::text AS xid, c.event_id AS "eventId", c.tries, c.retry_at AS "retryAt", c.last_error AS "lastError",
    CASE WHEN c.lease_until > clock_timestamp() THEN c.holder END AS holder,
    (SELECT count(*) FROM core.parked_event p WHERE p.consumer = c.name) AS parked,
    CASE WHEN c.xid > pg_snapshot_xmax(pg_current_snapshot()) THEN to_timestamp(0)
      ELSE (SELECT e.at FROM core.event e WHERE (e.xid, e.id) > (c.xid, c.event_id) ORDER BY e.xid, e.id LIMIT 1) END AS oldest
  FROM core.consumer c`;

/** Every consumer that ever read, of whatever process. A few. */
export async function readConsumers(sql: Sql): Promise<ConsumerRow[]> {
  return sql.query<ConsumerRow>({ name: 'bus_consumers', text: `${CONSUMER} ORDER BY c.name LIMIT 200` });
}

/** Its cursor, locked: what it is moved to is judged by what stands here. */
export async function lockConsumer(sql: Sql, name: string): Promise<(Position & { readonly lost: boolean }) | null> {
  const rows = await sql.query<Position & { readonly lost: boolean }>({
    name: 'bus_consumer_lock',
    text: `SELECT xid::text AS xid, event_id AS "eventId", xid > pg_snapshot_xmax(pg_current_snapshot()) AS lost
      FROM core.consumer WHERE name = $1 FOR UPDATE`,
    values: [name],
  });
  return rows[0] ?? null;
}

/** The place just before an event; null: there is none of that id. */
export async function placeBefore(sql: Sql, eventId: number): Promise<Position | null> {
  const rows = await sql.query<{ xid: string }>({
    name: 'bus_place_of',
    text: 'SELECT xid::text AS xid FROM core.event WHERE id = $1',
    values: [eventId],
  });
  const row = rows[0];
  return row === undefined ? null : { xid: row.xid, eventId: eventId - 1 };
}

/**
 * A place before every event that was written at or after a moment. Times are not indexed: ids grow with them but for what
 * was under way together, so the place is looked for by halves, from a while before, longer than any transaction lasts.
 */
export async function placeBeforeTime(sql: Sql, at: Date): Promise<Position> {
  let low = 0;
  let high =
    (await firstEvent(sql, 'SELECT id, at, xid::text AS xid FROM core.event ORDER BY id DESC LIMIT 1', []))?.id ?? 0;
  while (low < high) {
    const middle = low + Math.floor((high - low) / 2);
    const event = await firstEvent(sql, AT_OR_AFTER, [middle]);
    if (event === null || event.at >= at) high = middle;
    else low = event.id + 1;
  }
  const before = await firstEvent(sql, BEFORE, [low]);
  return before === null ? START : { xid: before.xid, eventId: before.id };
}

const AT_OR_AFTER = 'SELECT id, at, xid::text AS xid FROM core.event WHERE id >= $1 ORDER BY id LIMIT 1';
const BEFORE = 'SELECT id, at, xid::text AS xid FROM core.event WHERE id < $1 ORDER BY id DESC LIMIT 1';

interface Placed {
  readonly id: number;
  readonly at: Date;
  readonly xid: string;
}

async function firstEvent(sql: Sql, text: string, values: readonly unknown[]): Promise<Placed | null> {
  return (await sql.query<Placed>({ text, values }))[0] ?? null;
}

export interface ParkedEvent {
  readonly eventId: number;
  readonly type: string;
  readonly entityId: string;
  readonly payOrderId: string | null;
  readonly reason: string;
  readonly parkedAt: Date;
  readonly askedAt: Date | null;
}

const PARKED = `SELECT p.event_id AS "eventId", e.type, e.entity_id AS "entityId", e.scope AS "payOrderId", p.reason,
    p.parked_at AS "parkedAt", p.asked_at AS "askedAt" FROM core.parked_event p JOIN core.event e ON e.id = p.event_id`;

/** What a consumer has set aside, oldest first, after an id when given. */
export async function readParked(sql: Sql, name: string, after: number, limit: number): Promise<ParkedEvent[]> {
  return sql.query<ParkedEvent>({
    name: 'bus_parked_page',
    text: `${PARKED} WHERE p.consumer = $1 AND p.event_id > $2 ORDER BY p.event_id LIMIT $3`,
    values: [name, after, limit],
  });
}

/** Asks that a parked event be taken again, or takes it off the parked ones. Null: it is not parked. */
export async function askParked(sql: Sql, name: string, eventId: number, now: Date): Promise<ParkedEvent | null> {
  const rows = await sql.query<ParkedEvent>({
    name: 'bus_parked_ask',
    text: `WITH p AS (UPDATE core.parked_event SET asked_at = $3 WHERE consumer = $1 AND event_id = $2 RETURNING *)
      ${PARKED.replace('core.parked_event p', 'p')}`,
    values: [name, eventId, now],
  });
  return rows[0] ?? null;
}

export async function dropParked(sql: Sql, name: string, eventId: number): Promise<ParkedEvent | null> {
  const rows = await sql.query<ParkedEvent>({
    name: 'bus_parked_drop',
    text: `WITH p AS (DELETE FROM core.parked_event WHERE consumer = $1 AND event_id = $2 RETURNING *)
      ${PARKED.replace('core.parked_event p', 'p')}`,
    values: [name, eventId],
  });
  return rows[0] ?? null;
}

/** Parked events that somebody asked to be taken again, few at a time. */
export async function readAsked(sql: Sql, name: string): Promise<number[]> {
  const rows = await sql.query<{ id: number }>({
    name: 'bus_parked_asked',
    text: `SELECT event_id AS id FROM core.parked_event WHERE consumer = $1 AND asked_at IS NOT NULL
      ORDER BY event_id LIMIT 100`,
    values: [name],
  });
  return rows.map(({ id }) => id);
}
