import type { Database, Sql } from '../kernel/db/database.ts';

/** A message on its way to its receiver. */
export interface Message {
  /** The webhook id. */
  readonly id: string;
  readonly source: string;
  readonly subject: string;
  readonly url: string;
  readonly body: string;
  readonly forged: boolean;
  readonly once: boolean;
  readonly drawn: boolean;
  readonly tries: number;
}

/** Whoever holds a message sends it: above the time-out of a sending and what it may wait for its turn. */
export const LEASE_MS = 10_000;
const LEASE = `interval '${LEASE_MS} milliseconds'`;
/** Then it is left to the receiver's own questions. */
const GIVE_UP_AFTER = "interval '24 hours'";

export const MESSAGE_COLUMNS = 'id, source, subject, url, body, forged, once, drawn, tries';

/**
 * The statement that queues messages from a SELECT of (source, subject, url, body), leased to the caller, who sends them
 * as soon as it has committed.
 */
export function queueFrom(select: string): string {
  return `INSERT INTO sandbox.callback (id, source, subject, url, body, lease_until)
    SELECT 'evt_' || replace(gen_random_uuid()::text, '-', ''), q.source, q.subject, q.url, q.body, clock_timestamp() + ${LEASE}
    FROM (${select}) q (source, subject, url, body)
    RETURNING ${MESSAGE_COLUMNS}`;
}

/** The SQL of a JSON body in its declared order, without the members that are null. */
export function bodyOf(members: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(members).map(([name, expression]) => `'${name}', ${expression}`);
  return `json_strip_nulls(json_build_object(${pairs.join(', ')}))::text`;
}

/** The SQL of a time as the wire writes it. */
export function wireTime(expression: string): string {
  return `to_char(${expression} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}

/** A lie of a fault: sent once. Leased to the caller. */
export async function queueLie(
  sql: Sql,
  lie: Pick<Message, 'source' | 'subject' | 'url' | 'body' | 'forged'>,
): Promise<Message[]> {
  return sql.query<Message>({
    name: 'sandbox_callback_lie',
    text: `INSERT INTO sandbox.callback (id, source, subject, url, body, forged, once, drawn, lease_until)
      VALUES ('evt_' || replace(gen_random_uuid()::text, '-', ''), $1, $2, $3, $4, $5, true, true, clock_timestamp() + ${LEASE})
      RETURNING ${MESSAGE_COLUMNS}`,
    values: [lie.source, lie.subject, lie.url, lie.body, lie.forged],
  });
}

/** A message that was true a moment ago, to be sent after the one that overtook it. */
export async function queueOldNews(db: Database, news: Message, body: string, inMs: number): Promise<void> {
  await db.query({
    name: 'sandbox_callback_old_news',
    text: `INSERT INTO sandbox.callback (id, source, subject, url, body, drawn, due_at)
      VALUES ('evt_' || replace(gen_random_uuid()::text, '-', ''), $1, $2, $3, $4, true,
        clock_timestamp() + $5 * interval '1 millisecond')`,
    values: [news.source, news.subject, news.url, body, inMs],
  });
}

/** Takes up to `limit` messages that are due and that nobody sends. */
export async function claimMessages(db: Database, limit: number): Promise<Message[]> {
  return db.query<Message>({
    name: 'sandbox_callback_claim',
    text: `UPDATE sandbox.callback SET lease_until = clock_timestamp() + ${LEASE}
      WHERE id IN (SELECT id FROM sandbox.callback
        WHERE given_up_at IS NULL AND due_at <= clock_timestamp()
          AND (lease_until IS NULL OR lease_until < clock_timestamp())
        ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED)
      RETURNING ${MESSAGE_COLUMNS}`,
    values: [limit],
  });
}

/** Forgets messages that were taken, or that shall never be sent. */
export async function forgetMessages(db: Database, ids: readonly string[]): Promise<void> {
  await db.query({
    name: 'sandbox_callback_forget',
    text: 'DELETE FROM sandbox.callback WHERE id = ANY($1)',
    values: [ids],
  });
}

/** Not taken: due again after a while, unless a day has gone by. */
export async function sendAgain(db: Database, id: string, answer: string, inMs: number): Promise<void> {
  await db.query({
    name: 'sandbox_callback_again',
    text: `UPDATE sandbox.callback SET tries = tries + 1, lease_until = NULL, last_answer = $2,
        due_at = clock_timestamp() + $3 * interval '1 millisecond',
        given_up_at = CASE WHEN created_at < clock_timestamp() - ${GIVE_UP_AFTER} THEN clock_timestamp() END
      WHERE id = $1`,
    values: [id, answer, inMs],
  });
}

/** Holds a message back, with the faults of its first sending drawn. */
export async function holdBack(db: Database, id: string, inMs: number): Promise<void> {
  await db.query({
    name: 'sandbox_callback_hold',
    text: `UPDATE sandbox.callback SET drawn = true, lease_until = NULL,
        due_at = clock_timestamp() + $2 * interval '1 millisecond' WHERE id = $1`,
    values: [id, inMs],
  });
}

/** Makes a message a lie from now on. */
export async function rewrite(db: Database, id: string, body: string): Promise<void> {
  await db.query({
    name: 'sandbox_callback_rewrite',
    text: 'UPDATE sandbox.callback SET body = $2, once = true, drawn = true WHERE id = $1',
    values: [id, body],
  });
}
