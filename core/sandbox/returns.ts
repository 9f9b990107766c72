import type { Sql } from '../kernel/db/database.ts';
import { must } from '../kernel/errors.ts';
import { A_MOMENT_MS } from './autopilot.ts';
import { bodyOf, MESSAGE_COLUMNS, type Message, queueFrom, wireTime } from './callbacks.store.ts';
import type { World } from './world.ts';

/** Goods on their way back (退货): fetched from the shopper, looked at, taken in. */
export type ReturnState = 'accepted' | 'processing' | 'received' | 'failed';

export interface ReturnRow {
  readonly return_no: string;
  readonly order_id: string;
  readonly state: ReturnState;
  readonly carrier: string | null;
  readonly tracking_no: string | null;
  readonly reason: string | null;
  readonly requests: number;
  readonly auto_at: Date | null;
}

export interface ReturnInput {
  readonly returnNo: string;
  readonly orderId: string;
  readonly lines: readonly { readonly skuId: string; readonly name: string; readonly quantity: number }[];
  readonly notifyUrl: string;
}

const RETURN_COLUMNS = 'return_no, order_id, state, carrier, tracking_no, reason, requests, auto_at';

/**
 * Takes a return on, once per number: a repetition answers it as it stands. `null`: the number is known for another order.
 * `refuseFor` makes a new one fail at once, and keeps it so.
 */
export async function initReturn(
  world: World,
  sql: Sql,
  input: ReturnInput,
  refuseFor: string | null,
): Promise<ReturnRow | null> {
  const { fulfil, fulfilDelayMs } = world.knobs.settings;
  const rows = await sql.query<ReturnRow>({
    name: 'sandbox_return_init',
    text: `INSERT INTO sandbox.return_parcel AS r (return_no, order_id, lines, state, reason, notify_url, carrier, tracking_no, auto_at)
      VALUES ($1, $2, $3::jsonb, $4, $5, $6, 'Sandbox Express', 'RX' || upper(substr(md5($1), 1, 12)),
        clock_timestamp() + $7::bigint * interval '1 millisecond')
      ON CONFLICT (return_no) DO UPDATE SET requests = r.requests + 1 RETURNING ${RETURN_COLUMNS}`,
    values: [
      input.returnNo,
      input.orderId,
      JSON.stringify(input.lines),
      refuseFor === null ? 'accepted' : 'failed',
      refuseFor,
      input.notifyUrl,
      fulfil === 'auto' && refuseFor === null ? fulfilDelayMs : null,
    ],
  });
  const row = must(rows[0], `return ${input.returnNo}`);
  return row.order_id === input.orderId ? row : null;
}

export async function findReturn(sql: Sql, returnNo: string): Promise<ReturnRow | null> {
  const rows = await sql.query<ReturnRow>({
    name: 'sandbox_return_find',
    text: `SELECT ${RETURN_COLUMNS} FROM sandbox.return_parcel WHERE return_no = $1`,
    values: [returnNo],
  });
  return rows[0] ?? null;
}

const RETURN_BODY = bodyOf({
  type: "'return.' || state",
  source: "'fulfilment'",
  returnNo: 'return_no',
  carrier: 'carrier',
  trackingNo: 'tracking_no',
  reason: 'reason',
  occurredAt: wireTime('clock_timestamp()'),
});

/** Moves on the returns that `which` names, with the effect of each and its callback, in one statement. */
function settle(which: string, answer: string): string {
  return `WITH moved AS (
      UPDATE sandbox.return_parcel r SET state = $1, auto_at = NULL,
        settled_at = CASE WHEN $1 = 'processing' THEN NULL ELSE clock_timestamp() END,
        reason = CASE $1 WHEN 'failed' THEN 'the goods were not handed over' END
      WHERE (r.state = 'accepted' OR (r.state = 'processing' AND $1 <> 'processing')) AND ${which} RETURNING r.*),
    done AS (
      INSERT INTO sandbox.effect (kind, source, key) SELECT 'return.received', 'fulfilment', return_no
      FROM moved WHERE state = 'received'),
    queued AS (${queueFrom(`SELECT 'fulfilment', return_no, notify_url, ${RETURN_BODY} FROM moved`)})
    ${answer}`;
}

const SETTLE_ONE = settle(
  'r.return_no = $2',
  `SELECT ${RETURN_COLUMNS}, to_jsonb(q) AS message FROM moved m JOIN (SELECT * FROM queued) q ON q.subject = m.return_no`,
);
const SETTLE_DUE = settle(
  `r.return_no IN (SELECT return_no FROM sandbox.return_parcel
    WHERE auto_at <= clock_timestamp() ORDER BY auto_at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
  `SELECT ${MESSAGE_COLUMNS} FROM queued`,
);

export type ReturnStep = 'processing' | 'received' | 'failed';

/** `null`: there is no such return, or it cannot go there from where it is. The message is the caller's to send. */
export async function moveReturn(
  sql: Sql,
  returnNo: string,
  to: ReturnStep,
): Promise<{ row: ReturnRow; message: Message } | null> {
  const rows = await sql.query<ReturnRow & { message: Message }>({
    name: 'sandbox_return_settle_one',
    text: SETTLE_ONE,
    values: [to, returnNo],
  });
  const row = rows[0];
  return row === undefined ? null : { row, message: row.message };
}

/** Lets up to `limit` returns arrive whose time has come. */
export async function receiveDueReturns(sql: Sql, limit: number): Promise<Message[]> {
  return sql.query<Message>({ name: 'sandbox_return_settle_due', text: SETTLE_DUE, values: ['received', limit] });
}

/** A new return that arrives by itself. */
export function kickReturn(world: World, row: ReturnRow): void {
  if (row.auto_at === null || row.requests > 1) return;
  world.autopilot.kick('return', Math.max(A_MOMENT_MS, world.knobs.settings.fulfilDelayMs));
}
