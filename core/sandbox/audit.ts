import type { Sql } from '../kernel/db/database.ts';
import { type Currency, formatAmount, isCurrency } from '../kernel/money.ts';

/** What really happened out there, for whoever compares it with the books. */
export type Effects = {
  readonly trades: readonly {
    readonly state: string;
    readonly currency: string | null;
    readonly count: number;
    readonly amount: string;
  }[];
  readonly refunds: readonly {
    readonly state: string;
    readonly currency: string;
    readonly count: number;
    readonly amount: string;
  }[];
  readonly deductions: readonly { readonly state: string; readonly count: number }[];
  readonly shipments: readonly { readonly state: string; readonly count: number }[];
  /** Keys whose effect happened more than once: must be none. */
  readonly repeated: number;
  /** Requests that came again under a known key and changed nothing. */
  readonly repeatedRequests: number;
  /** Callbacks not yet taken, and those given up. */
  readonly callbacksWaiting: number;
  readonly callbacksGivenUp: number;
};

export async function effects(sql: Sql): Promise<Effects> {
  const [trades, refunds, deductions, shipments, counts] = await Promise.all([
    sql.query<Effects['trades'][number]>({
      text: `SELECT state, currency, count(*) AS count, coalesce(sum(amount), 0)::text AS amount FROM sandbox.trade GROUP BY 1, 2 ORDER BY 1, 2`,
    }),
    sql.query<Effects['refunds'][number]>({
      text: `SELECT state, currency, count(*) AS count, sum(amount)::text AS amount FROM sandbox.refund GROUP BY 1, 2 ORDER BY 1, 2`,
    }),
    sql.query<Effects['deductions'][number]>({
      text: 'SELECT state, count(*) AS count FROM sandbox.deduction GROUP BY 1 ORDER BY 1',
    }),
    sql.query<Effects['shipments'][number]>({
      text: 'SELECT state, count(*) AS count FROM sandbox.shipment GROUP BY 1 ORDER BY 1',
    }),
    sql.query<{ repeated: number; repeated_requests: number; waiting: number; given_up: number }>({
      text: `WITH done AS (
          SELECT effects, requests FROM sandbox.trade UNION ALL SELECT effects, requests FROM sandbox.refund
          UNION ALL SELECT effects, requests FROM sandbox.deduction UNION ALL SELECT effects, requests FROM sandbox.shipment)
        SELECT (SELECT count(*) FROM done WHERE effects > 1) AS repeated,
          (SELECT coalesce(sum(requests - 1), 0)::bigint FROM done WHERE requests > 1) AS repeated_requests,
          (SELECT count(*) FROM sandbox.job WHERE kind = 'callback' AND given_up IS NULL) AS waiting,
          (SELECT count(*) FROM sandbox.job WHERE kind = 'callback' AND given_up IS NOT NULL) AS given_up`,
    }),
  ]);
  const sums = counts[0];
  return {
    trades,
    refunds,
    deductions,
    shipments,
    repeated: sums?.repeated ?? 0,
    repeatedRequests: sums?.repeated_requests ?? 0,
    callbacksWaiting: sums?.waiting ?? 0,
    callbacksGivenUp: sums?.given_up ?? 0,
  };
}

type ListedTrade = {
  readonly tradeNo: string;
  readonly channel: string;
  readonly state: string;
  readonly amount: number | null;
  readonly currency: string | null;
  readonly transactionId: string | null;
  readonly effects: number;
  readonly refunded: number;
};

export async function listTrades(
  sql: Sql,
  after: string,
  limit: number,
): Promise<{ trades: ListedTrade[]; next: string | null }> {
  const trades = await sql.query<ListedTrade>({
    text: `SELECT t.trade_no AS "tradeNo", t.channel, t.state, t.amount, t.currency, t.transaction_id AS "transactionId", t.effects,
        coalesce((SELECT sum(r.amount) FROM sandbox.refund r
          WHERE r.channel = t.channel AND r.trade_no = t.trade_no AND r.state = 'done'), 0)::bigint AS refunded
      FROM sandbox.trade t WHERE t.trade_no > $1 ORDER BY t.trade_no LIMIT $2`,
    values: [after, limit],
  });
  return { trades, next: trades.length < limit ? null : (trades.at(-1)?.tradeNo ?? null) };
}

interface StatementRow {
  readonly kind: string;
  readonly reference: string;
  readonly transaction: string;
  readonly amount: number;
  readonly currency: string;
  readonly at: Date;
}

const PAGE = 1_000;

/** A day's payments and refunds of a channel, streamed page by page: a day of millions of lines costs one page. */
export function statement(sql: Sql, channel: string, date: string): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let after = '';
  let headed = false;
  return new ReadableStream({
    async pull(controller) {
      if (!headed) controller.enqueue(encoder.encode('type,reference,transaction,amount,currency,at\n'));
      headed = true;
      const rows = await sql.query<StatementRow>({
        text: `SELECT * FROM (
            SELECT 'payment' AS kind, trade_no AS reference, transaction_id AS transaction, amount, currency, settled_at AS at
            FROM sandbox.trade WHERE channel = $1 AND state = 'paid' AND settled_at >= $2::date AND settled_at < $2::date + 1
            UNION ALL
            SELECT 'refund', refund_no, channel_refund_id, amount, currency, settled_at
            FROM sandbox.refund WHERE channel = $1 AND state = 'done' AND settled_at >= $2::date AND settled_at < $2::date + 1
          ) lines WHERE transaction > $3 ORDER BY transaction LIMIT ${PAGE}`,
        values: [channel, date, after],
      });
      for (const row of rows) controller.enqueue(encoder.encode(line(row)));
      after = rows.at(-1)?.transaction ?? after;
      if (rows.length < PAGE) controller.close();
    },
  });
}

function line(row: StatementRow): string {
  const currency: Currency | null = isCurrency(row.currency) ? row.currency : null;
  const amount = currency === null ? String(row.amount) : formatAmount(row.amount, currency);
  return `${row.kind},${row.reference},${row.transaction},${amount},${row.currency},${row.at.toISOString()}\n`;
}
