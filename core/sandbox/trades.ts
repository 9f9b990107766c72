import type { Sql } from '../kernel/db/database.ts';
import { must } from '../kernel/errors.ts';
import { newId } from '../kernel/ids.ts';
import { A_MOMENT_MS } from './autopilot.ts';
import { bodyOf, MESSAGE_COLUMNS, type Message, queueFrom, wireTime } from './callbacks.store.ts';
import type { World } from './world.ts';

/** The payment channels: what they know of money is the truth. */
export type TradeState = 'open' | 'paid' | 'failed' | 'cancelled' | 'closed' | 'refused';

export interface TradeRow {
  readonly trade_no: string;
  readonly channel: string;
  readonly state: TradeState;
  readonly merchant_id: string | null;
  readonly amount: number | null;
  readonly currency: string | null;
  readonly notify_url: string | null;
  readonly channel_trade_id: string;
  readonly transaction_id: string | null;
  readonly reason: string | null;
  readonly refunded: number;
  readonly tombstone: boolean;
  readonly requests: number;
  readonly auto_at: Date | null;
  readonly created_at: Date;
  readonly settled_at: Date | null;
}

export interface TradeInput {
  readonly channel: string;
  readonly tradeNo: string;
  readonly merchantId: string;
  readonly amount: number;
  readonly currency: string;
  readonly description: string;
  readonly notifyUrl: string;
}

/**
 * Opens a trade, once per number: a repetition answers the trade as it stands. `null`: the number is known with another
 * merchant or amount, which says nothing about either. `refuseFor` makes the refusal of a new number, and keeps it.
 */
export async function initTrade(
  world: World,
  sql: Sql,
  input: TradeInput,
  refuseFor: string | null,
): Promise<TradeRow | null> {
  const { autopay, autopayDelayMs } = world.knobs.settings;
  const rows = await sql.query<TradeRow>({
    name: 'sandbox_trade_init',
    text: `INSERT INTO sandbox.trade AS t
        (trade_no, channel, state, merchant_id, amount, currency, description, notify_url, channel_trade_id, reason, auto_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, clock_timestamp() + $11::bigint * interval '1 millisecond')
      ON CONFLICT (trade_no, channel) DO UPDATE SET requests = t.requests + 1
      RETURNING *`,
    values: [
      input.tradeNo,
      input.channel,
      refuseFor === null ? 'open' : 'refused',
      input.merchantId,
      input.amount,
      input.currency,
      input.description,
      input.notifyUrl,
      newId('ct', world.clock, world.random),
      refuseFor,
      autopay && refuseFor === null ? autopayDelayMs : null,
    ],
  });
  const row = must(rows[0], `trade ${input.tradeNo}`);
  const same = row.merchant_id === input.merchantId && row.amount === input.amount && row.currency === input.currency;
  return same || row.tombstone ? row : null;
}

export async function findTrade(sql: Sql, channel: string, tradeNo: string): Promise<TradeRow | null> {
  const rows = await sql.query<TradeRow>({
    name: 'sandbox_trade_find',
    text: 'SELECT * FROM sandbox.trade WHERE trade_no = $1 AND channel = $2',
    values: [tradeNo, channel],
  });
  return rows[0] ?? null;
}

/** The trades of a number: one, unless two channels were given the same. */
export async function tradesOf(sql: Sql, tradeNo: string): Promise<TradeRow[]> {
  return sql.query<TradeRow>({
    name: 'sandbox_trades_of',
    text: 'SELECT * FROM sandbox.trade WHERE trade_no = $1 ORDER BY channel',
    values: [tradeNo],
  });
}

/**
 * Closes an open trade, or answers how it ended before. An unknown number is closed in advance: the tombstone refuses
 * the request that is still on its way. One statement: the row's lock decides between this and the shopper.
 */
export async function closeTrade(world: World, channel: string, tradeNo: string): Promise<TradeRow> {
  const rows = await world.db.query<TradeRow>({
    name: 'sandbox_trade_close',
    text: `INSERT INTO sandbox.trade AS t (trade_no, channel, state, channel_trade_id, reason, tombstone, requests, settled_at)
      VALUES ($1, $2, 'closed', $3, 'closed before it arrived', true, 0, clock_timestamp())
      ON CONFLICT (trade_no, channel) DO UPDATE SET auto_at = NULL,
        state = CASE WHEN t.state = 'open' THEN 'closed' ELSE t.state END,
        reason = CASE WHEN t.state = 'open' THEN 'closed by the merchant' ELSE t.reason END,
        settled_at = CASE WHEN t.state = 'open' THEN clock_timestamp() ELSE t.settled_at END
      RETURNING *`,
    values: [tradeNo, channel, newId('ct', world.clock, world.random)],
  });
  return must(rows[0], `trade ${tradeNo}`);
}

/** How an open trade ends. `closed` is the channel's own doing here: a merchant's close is answered, not called back. */
export type TradeEnd = 'paid' | 'failed' | 'cancelled' | 'closed';

const TRADE_BODY = bodyOf({
  type: "'trade.' || state",
  source: 'channel',
  merchantId: 'merchant_id',
  tradeNo: 'trade_no',
  transactionId: 'transaction_id',
  amount: "CASE WHEN state = 'paid' THEN amount END",
  currency: "CASE WHEN state = 'paid' THEN currency END",
  reason: 'reason',
  occurredAt: wireTime('settled_at'),
});

/** Ends the open trades that `which` names, with the effect of each and its callback, in one statement. */
function settle(which: string, answer: string): string {
  return `WITH moved AS (
      UPDATE sandbox.trade t SET state = $1, settled_at = clock_timestamp(), auto_at = NULL,
        transaction_id = CASE WHEN $1 = 'paid' THEN 'txn_' || replace(gen_random_uuid()::text, '-', '') END,
        reason = CASE $1 WHEN 'failed' THEN 'the payment failed' WHEN 'cancelled' THEN 'cancelled by the shopper'
          WHEN 'closed' THEN 'closed by the channel' END
      WHERE t.state = 'open' AND ${which} RETURNING t.*),
    done AS (
      INSERT INTO sandbox.effect (kind, source, key, trade_no, transaction_id, amount, currency, at)
      SELECT 'trade.paid', channel, trade_no, trade_no, transaction_id, amount, currency, settled_at
      FROM moved WHERE state = 'paid'),
    queued AS (${queueFrom(`SELECT channel, trade_no, notify_url, ${TRADE_BODY} FROM moved`)})
    ${answer}`;
}

const SETTLE_ONE = settle(
  `t.trade_no = $2 AND t.channel = coalesce($3, t.channel)
    AND ($3::text IS NOT NULL OR NOT EXISTS (SELECT 1 FROM sandbox.trade o WHERE o.trade_no = $2 AND o.channel <> t.channel))`,
  'SELECT m.*, to_jsonb(q) AS message FROM moved m JOIN queued q ON q.subject = m.trade_no',
);

const SETTLE_DUE = settle(
  `(t.trade_no, t.channel) IN (SELECT trade_no, channel FROM sandbox.trade
    WHERE auto_at <= clock_timestamp() ORDER BY auto_at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
  `SELECT ${MESSAGE_COLUMNS} FROM queued`,
);

/**
 * What the shopper (or the channel itself) does with an open trade. `null`: there is no open trade of that number, or two
 * channels have one and none was named. The message is the caller's to send.
 */
export async function endTrade(
  sql: Sql,
  tradeNo: string,
  channel: string | null,
  end: TradeEnd,
): Promise<{ row: TradeRow; message: Message } | null> {
  const rows = await sql.query<TradeRow & { message: Message }>({
    name: 'sandbox_trade_settle_one',
    text: SETTLE_ONE,
    values: [end, tradeNo, channel],
  });
  const row = rows[0];
  return row === undefined ? null : { row, message: row.message };
}

/** Lets up to `limit` shoppers pay whose time has come. */
export async function payDueTrades(sql: Sql, limit: number): Promise<Message[]> {
  return sql.query<Message>({ name: 'sandbox_trade_settle_due', text: SETTLE_DUE, values: ['paid', limit] });
}

/** A new trade whose shopper pays by himself. */
export function kickAutopay(world: World, row: TradeRow): void {
  if (row.auto_at === null || row.requests > 1) return;
  world.autopilot.kick('trade', Math.max(A_MOMENT_MS, world.knobs.settings.autopayDelayMs));
}
