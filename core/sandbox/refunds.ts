import type { Sql, Tx } from '../kernel/db/database.ts';
import { must } from '../kernel/errors.ts';
import { newId } from '../kernel/ids.ts';
import { bodyOf, MESSAGE_COLUMNS, type Message, queueFrom, wireTime } from './callbacks.store.ts';
import { type TradeRow, tradesOf } from './trades.ts';
import type { World } from './world.ts';

export interface RefundRow {
  readonly refund_no: string;
  readonly channel: string;
  readonly trade_no: string;
  readonly merchant_id: string;
  readonly state: 'processing' | 'done' | 'failed';
  readonly amount: number;
  readonly currency: string;
  readonly channel_refund_id: string;
  readonly reason: string | null;
  readonly requests: number;
  readonly created_at: Date;
  readonly settled_at: Date | null;
}

export interface RefundInput {
  readonly channel: string;
  readonly refundNo: string;
  readonly tradeNo: string;
  readonly merchantId: string;
  readonly amount: number;
  readonly currency: string;
  readonly notifyUrl: string;
}

const REFUND_BODY = bodyOf({
  type: "'refund.' || state",
  source: 'channel',
  merchantId: 'merchant_id',
  refundNo: 'refund_no',
  tradeNo: 'trade_no',
  channelRefundId: 'channel_refund_id',
  amount: 'amount',
  currency: 'currency',
  reason: 'reason',
  occurredAt: wireTime('settled_at'),
});

/** Ends the refunds under way that `which` names, with the effect of each and its callback, in one statement. */
function settle(which: string): string {
  return `WITH moved AS (
      UPDATE sandbox.refund r SET state = $1, reason = $2, settled_at = clock_timestamp(), auto_at = NULL
      WHERE r.state = 'processing' AND ${which} RETURNING r.*),
    done AS (
      INSERT INTO sandbox.effect (kind, source, key, trade_no, transaction_id, amount, currency, at)
      SELECT 'refund.done', channel, refund_no, trade_no, channel_refund_id, amount, currency, settled_at
      FROM moved WHERE state = 'done'),
    queued AS (${queueFrom(`SELECT channel, refund_no, notify_url, ${REFUND_BODY} FROM moved`)})
    SELECT ${MESSAGE_COLUMNS} FROM queued`;
}

const SETTLE_ONE = settle('r.refund_no = $3 AND r.channel = $4');
const SETTLE_DUE = settle(`(r.refund_no, r.channel) IN (SELECT refund_no, channel FROM sandbox.refund
  WHERE auto_at <= clock_timestamp() ORDER BY auto_at LIMIT $3 FOR UPDATE SKIP LOCKED)`);

export interface Refunding {
  readonly row: RefundRow;
  /** Committed with the refund; the caller's to send. */
  readonly messages: readonly Message[];
}

/**
 * Pays back a part of a paid trade, once per number and never more than the trade took, however many ask at once: the
 * sum stands on the trade's row, and one conditional statement raises it. `null`: the number is known with another trade
 * or amount.
 */
export async function refundTrade(
  world: World,
  tx: Tx,
  input: RefundInput,
  refuseFor: string | null,
): Promise<Refunding | null> {
  const row = await openRefund(world, tx, input);
  if (row.trade_no !== input.tradeNo || row.amount !== input.amount || row.currency !== input.currency) return null;
  if (row.requests > 1) return { row, messages: [] };
  const reason = refuseFor ?? (await reserve(tx, input));
  if (reason === null && world.knobs.settings.refundDelayMs > 0) return { row, messages: [] };
  const state = reason === null ? 'done' : 'failed';
  const messages = await tx.query<Message>({
    name: 'sandbox_refund_settle_one',
    text: SETTLE_ONE,
    values: [state, reason, input.refundNo, input.channel],
  });
  return { row: { ...row, state, reason }, messages };
}

/** The row of the number, locked; `requests` says whether it is new. */
async function openRefund(world: World, tx: Tx, input: RefundInput): Promise<RefundRow> {
  const delayMs = world.knobs.settings.refundDelayMs;
  const rows = await tx.query<RefundRow>({
    name: 'sandbox_refund_init',
    text: `INSERT INTO sandbox.refund AS r
        (refund_no, channel, trade_no, merchant_id, state, amount, currency, notify_url, channel_refund_id, auto_at)
      VALUES ($1, $2, $3, $4, 'processing', $5, $6, $7, $8, clock_timestamp() + $9::bigint * interval '1 millisecond')
      ON CONFLICT (refund_no, channel) DO UPDATE SET requests = r.requests + 1
      RETURNING *`,
    values: [
      input.refundNo,
      input.channel,
      input.tradeNo,
      input.merchantId,
      input.amount,
      input.currency,
      input.notifyUrl,
      newId('crf', world.clock, world.random),
      delayMs === 0 ? null : delayMs,
    ],
  });
  return must(rows[0], `refund ${input.refundNo}`);
}

/** Takes the amount from what may still be paid back; the reason when it may not. */
async function reserve(tx: Tx, input: RefundInput): Promise<string | null> {
  const reserved = await tx.query({
    name: 'sandbox_refund_reserve',
    text: `UPDATE sandbox.trade SET refunded = refunded + $5
      WHERE trade_no = $1 AND channel = $2 AND merchant_id = $3 AND currency = $4
        AND state = 'paid' AND refunded + $5 <= amount
      RETURNING trade_no`,
    values: [input.tradeNo, input.channel, input.merchantId, input.currency, input.amount],
  });
  if (reserved.length === 1) return null;
  const trade = (await tradesOf(tx, input.tradeNo)).find((t) => t.channel === input.channel);
  return whyNot(trade, input);
}

function whyNot(trade: TradeRow | undefined, input: RefundInput): string {
  if (trade === undefined || trade.merchant_id !== input.merchantId) return 'the trade is not known';
  if (trade.state !== 'paid') return 'the trade took no money';
  if (trade.currency !== input.currency) return `the trade was in ${trade.currency}`;
  return `of ${trade.amount} ${trade.refunded} were paid back before`;
}

export async function findRefund(sql: Sql, channel: string, refundNo: string): Promise<RefundRow | null> {
  const rows = await sql.query<RefundRow>({
    name: 'sandbox_refund_find',
    text: 'SELECT * FROM sandbox.refund WHERE refund_no = $1 AND channel = $2',
    values: [refundNo, channel],
  });
  return rows[0] ?? null;
}

/** Ends up to `limit` refunds whose time has come. */
export async function finishDueRefunds(sql: Sql, limit: number): Promise<Message[]> {
  return sql.query<Message>({ name: 'sandbox_refund_settle_due', text: SETTLE_DUE, values: ['done', null, limit] });
}
