import type { Sql } from '../kernel/db/database.ts';
import { newId } from '../kernel/ids.ts';
import { addJob, type Job } from './jobs.ts';
import type { World } from './world.ts';

/** The payment channels: what they know is the truth about money. */
export const CHANNELS = ['sandbox', 'sandbox-b'] as const;

export interface TradeInput {
  readonly channel: string;
  readonly tradeNo: string;
  readonly merchantId: string;
  readonly amount: number;
  readonly currency: string;
  readonly notifyUrl: string;
}

interface TradeRow {
  readonly channel: string;
  readonly trade_no: string;
  readonly state: string;
  readonly merchant_id: string | null;
  readonly amount: number | null;
  readonly currency: string | null;
  readonly notify_url: string | null;
  readonly channel_trade_id: string;
  readonly transaction_id: string | null;
  readonly reason: string | null;
  readonly tombstone: boolean;
  readonly requests: number;
  readonly effects: number;
}

export function tradeView(row: TradeRow, baseUrl: string) {
  return {
    tradeNo: row.trade_no,
    state: row.state,
    channelTradeId: row.channel_trade_id,
    ...(row.state === 'open' ? { payUrl: `${baseUrl}/sandbox/pay/${row.trade_no}` } : {}),
    ...(row.transaction_id === null ? {} : { transactionId: row.transaction_id }),
    ...(row.amount === null ? {} : { amount: row.amount }),
    ...(row.currency === null ? {} : { currency: row.currency }),
    ...(row.reason === null ? {} : { reason: row.reason }),
  };
}

/** Opens a trade, once per number. A number that was closed before it came is refused: that is what the tombstone is for. */
export async function initTrade(world: World, input: TradeInput, refuseFor: string | null = null): Promise<TradeRow> {
  const { autopay, autopayDelayMs } = world.settings.values;
  const { row, job } = await world.db.tx(async (tx) => {
    const rows = await tx.query<TradeRow & { fresh: boolean }>({
      name: 'sandbox_trade_init',
      text: `INSERT INTO sandbox.trade AS t (channel, trade_no, state, merchant_id, amount, currency, notify_url, channel_trade_id, reason, requests)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1)
        ON CONFLICT (channel, trade_no) DO UPDATE SET requests = t.requests + 1
        RETURNING *, requests = 1 AND NOT tombstone AS fresh`,
      values: [
        input.channel,
        input.tradeNo,
        refuseFor === null ? 'open' : 'refused',
        input.merchantId,
        input.amount,
        input.currency,
        input.notifyUrl,
        newId('ct', world.clock, world.random),
        refuseFor,
      ],
    });
    const made = first(rows);
    const pays = made.fresh && made.state === 'open' && autopay;
    return { row: made, job: pays ? await addJob(tx, 'autopay', { tradeNo: input.tradeNo }, autopayDelayMs) : null };
  });
  world.runNow(autopayDelayMs === 0 ? job : null);
  if (row.tombstone) return { ...row, state: 'refused', reason: 'the trade was closed before this request arrived' };
  if (row.amount !== input.amount || row.currency !== input.currency) {
    return { ...row, state: 'refused', reason: 'the number is known with another amount' };
  }
  return row;
}

export async function findTrade(sql: Sql, tradeNo: string, channel: string | null): Promise<TradeRow | null> {
  const rows = await sql.query<TradeRow>({
    name: 'sandbox_trade_find',
    text: 'SELECT * FROM sandbox.trade WHERE trade_no = $1 AND ($2::text IS NULL OR channel = $2) LIMIT 1',
    values: [tradeNo, channel],
  });
  return rows[0] ?? null;
}

/** Closes an open trade, or says how it ended before. An unknown number is closed in advance. */
export async function closeTrade(world: World, channel: string, tradeNo: string): Promise<TradeRow> {
  const rows = await world.db.query<TradeRow>({
    name: 'sandbox_trade_close',
    text: `INSERT INTO sandbox.trade AS t (channel, trade_no, state, channel_trade_id, reason, tombstone)
      VALUES ($1, $2, 'closed', $3, 'closed before it arrived', true)
      ON CONFLICT (channel, trade_no) DO UPDATE SET state = CASE WHEN t.state = 'open' THEN 'closed' ELSE t.state END
      RETURNING *`,
    values: [channel, tradeNo, newId('ct', world.clock, world.random)],
  });
  return first(rows);
}

export type Shopping = 'paid' | 'failed' | 'cancelled';

/** What the shopper does at the channel. Only an open trade can be decided, and only once. */
export async function decideTrade(
  world: World,
  tradeNo: string,
  result: Shopping,
): Promise<{ row: TradeRow; job: Job | null } | null> {
  const decided = await world.db.tx(async (tx) => {
    const rows = await tx.query<TradeRow>({
      name: 'sandbox_trade_decide',
      text: `UPDATE sandbox.trade SET state = $2, settled_at = clock_timestamp(),
          transaction_id = CASE WHEN $2 = 'paid' THEN $3 END, effects = effects + CASE WHEN $2 = 'paid' THEN 1 ELSE 0 END
        WHERE trade_no = $1 AND state = 'open' RETURNING *`,
      values: [tradeNo, result, newId('txn', world.clock, world.random)],
    });
    const row = rows[0];
    if (row === undefined) return null;
    return { row, job: await addTradeCallback(world, tx, row) };
  });
  return decided;
}

async function addTradeCallback(world: World, tx: Sql, row: TradeRow): Promise<Job | null> {
  if (row.notify_url === null) return null;
  const wrong = world.faults.strike(
    'wrong_amount',
    { service: 'channel', channel: row.channel, operation: 'callback' },
    world.clock.now(),
  );
  return world.callbacks.add(tx, {
    service: 'channel',
    source: row.channel,
    url: row.notify_url,
    body: {
      type: `trade.${row.state}`,
      source: row.channel,
      merchantId: row.merchant_id,
      tradeNo: row.trade_no,
      ...(row.transaction_id === null ? {} : { transactionId: row.transaction_id }),
      ...(row.state === 'paid' ? { amount: (row.amount ?? 0) + (wrong === null ? 0 : 1), currency: row.currency } : {}),
      ...(row.reason === null ? {} : { reason: row.reason }),
      occurredAt: world.clock.now().toISOString(),
    },
  });
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

export interface RefundRow {
  readonly refund_no: string;
  readonly trade_no: string;
  readonly state: string;
  readonly amount: number;
  readonly currency: string;
  readonly channel_refund_id: string;
  readonly reason: string | null;
}

export function refundView(row: RefundRow) {
  return {
    refundNo: row.refund_no,
    tradeNo: row.trade_no,
    state: row.state,
    amount: row.amount,
    currency: row.currency,
    channelRefundId: row.channel_refund_id,
    ...(row.reason === null ? {} : { reason: row.reason }),
  };
}

/** Pays back part of a paid trade, once per refund number and never more than the trade took. */
export async function refundTrade(
  world: World,
  input: RefundInput,
  refuseFor: string | null = null,
): Promise<RefundRow> {
  const { row, job } = await world.db.tx(async (tx) => {
    const [trade] = await tx.query<TradeRow>({
      text: 'SELECT * FROM sandbox.trade WHERE channel = $1 AND trade_no = $2 FOR UPDATE',
      values: [input.channel, input.tradeNo],
    });
    const [known] = await tx.query<RefundRow>({
      text: 'UPDATE sandbox.refund SET requests = requests + 1 WHERE channel = $1 AND refund_no = $2 RETURNING *',
      values: [input.channel, input.refundNo],
    });
    if (known !== undefined) return { row: known, job: null };
    const [sum] = await tx.query<{ paid_back: number }>({
      text: `SELECT coalesce(sum(amount), 0)::bigint AS paid_back FROM sandbox.refund WHERE channel = $1 AND trade_no = $2 AND state = 'done'`,
      values: [input.channel, input.tradeNo],
    });
    const reason = refuseFor ?? whyNoRefund(trade, input, sum?.paid_back ?? 0);
    const made = first(
      await tx.query<RefundRow>({
        text: `INSERT INTO sandbox.refund (channel, refund_no, trade_no, state, amount, currency, channel_refund_id, reason, effects)
          VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING *`,
        values: [
          input.channel,
          input.refundNo,
          input.tradeNo,
          reason === null ? 'done' : 'failed',
          input.amount,
          input.currency,
          newId('crf', world.clock, world.random),
          reason,
          reason === null ? 1 : 0,
        ],
      }),
    );
    return { row: made, job: await addRefundCallback(world, tx, input, made) };
  });
  world.runNow(job);
  return row;
}

function whyNoRefund(trade: TradeRow | undefined, input: RefundInput, paidBack: number): string | null {
  if (trade === undefined || trade.state !== 'paid') return 'the trade took no money';
  if (trade.currency !== input.currency) return 'another currency than the trade';
  if (paidBack + input.amount > (trade.amount ?? 0)) return 'more than the trade took';
  return null;
}

async function addRefundCallback(world: World, tx: Sql, input: RefundInput, row: RefundRow): Promise<Job | null> {
  return world.callbacks.add(tx, {
    service: 'channel',
    source: input.channel,
    url: input.notifyUrl,
    body: {
      type: row.state === 'done' ? 'refund.done' : 'refund.failed',
      source: input.channel,
      merchantId: input.merchantId,
      refundNo: row.refund_no,
      tradeNo: row.trade_no,
      channelRefundId: row.channel_refund_id,
      amount: row.amount,
      currency: row.currency,
      ...(row.reason === null ? {} : { reason: row.reason }),
      occurredAt: world.clock.now().toISOString(),
    },
  });
}

export async function findRefund(sql: Sql, channel: string, refundNo: string): Promise<RefundRow | null> {
  const rows = await sql.query<RefundRow>({
    text: 'SELECT * FROM sandbox.refund WHERE channel = $1 AND refund_no = $2',
    values: [channel, refundNo],
  });
  return rows[0] ?? null;
}

function first<T>(rows: readonly T[]): T {
  const row = rows[0];
  if (row === undefined) throw new Error('broken invariant: a statement returned no row');
  return row;
}
