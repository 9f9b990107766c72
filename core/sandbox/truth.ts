import { z } from '@hono/zod-openapi';
import type { Database, Sql } from '../kernel/db/database.ts';
import { wireTime } from './callbacks.store.ts';

/** What really happened out there, for whoever compares it with the books. */
const CREATED = `${wireTime('created_at')} AS "createdAt"`;
const TIMES = `${CREATED}, ${wireTime('settled_at')} AS "settledAt"`;

const LISTS = {
  trades: {
    table: 'sandbox.trade',
    key: ['trade_no', 'channel'],
    columns: `trade_no AS "tradeNo", channel, state, merchant_id AS "merchantId", amount, currency,
      channel_trade_id AS "channelTradeId", transaction_id AS "transactionId", reason, refunded, tombstone, requests, ${TIMES}`,
  },
  refunds: {
    table: 'sandbox.refund',
    key: ['refund_no', 'channel'],
    columns: `refund_no AS "refundNo", channel, trade_no AS "tradeNo", state, amount, currency,
      channel_refund_id AS "channelRefundId", reason, requests, ${TIMES}`,
  },
  deductions: {
    table: 'sandbox.deduction',
    key: ['attempt_id', 'kind', 'resource'],
    columns: `attempt_id AS "attemptId", kind, resource, state, user_id AS "userId", amount, currency, reason, tombstone,
      requests, ${CREATED}`,
  },
  shipments: {
    table: 'sandbox.shipment',
    key: ['shipment_id'],
    columns: `shipment_id AS "shipmentId", order_id AS "orderId", goods_kind AS "goodsKind", account, units, state, carrier,
      tracking_no AS "trackingNo", reason, tombstone, requests, ${TIMES}`,
  },
  returns: {
    table: 'sandbox.return_parcel',
    key: ['return_no'],
    columns: `return_no AS "returnNo", order_id AS "orderId", state, carrier, tracking_no AS "trackingNo", reason, requests, ${TIMES}`,
  },
  rooms: {
    table: 'sandbox.room_lock',
    key: ['lock_id'],
    columns: `lock_id AS "lockId", order_id AS "orderId", room_type AS "roomType", rooms, check_in AS "checkIn",
      check_out AS "checkOut", guest, state, confirmation, reason, tombstone, requests, ${TIMES}`,
  },
} as const;

export type Listed = keyof typeof LISTS;
export const LISTED = Object.keys(LISTS) as [Listed, ...Listed[]];

/** A row as the wire shows it; times are text. */
export const truthRow = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]));
export type TruthRow = z.infer<typeof truthRow>;

export interface Page {
  readonly rows: TruthRow[];
  /** The key of the last row, or null when there is none after it. */
  readonly last: readonly string[] | null;
}

export function keyLengthOf(list: Listed): number {
  return LISTS[list].key.length;
}

/** Rows in the order of their keys, those after `after`. */
export async function listTruth(sql: Sql, list: Listed, after: readonly string[] | null, limit: number): Promise<Page> {
  const { table, key, columns } = LISTS[list];
  const place = key.map((_, i) => `$${i + 2}`).join(', ');
  const rows = await sql.query<TruthRow & { place: string[] }>({
    text: `SELECT ${columns}, ARRAY[${key.join(', ')}] AS place FROM ${table}
      ${after === null ? '' : `WHERE (${key.join(', ')}) > (${place})`} ORDER BY ${key.join(', ')} LIMIT $1`,
    values: [limit + 1, ...(after ?? [])],
  });
  const shown = rows.slice(0, limit);
  return {
    rows: shown.map(({ place: _place, ...row }): TruthRow => row),
    last: rows.length > limit ? (shown.at(-1)?.place ?? null) : null,
  };
}

export const tradeTruth = z.object({
  tradeNo: z.string(),
  channel: z.string(),
  state: z.string(),
  /** Null, as amount and currency: a tombstone. */
  merchantId: z.string().nullable(),
  amount: z.int().nullable(),
  currency: z.string().nullable(),
  channelTradeId: z.string(),
  transactionId: z.string().nullable(),
  reason: z.string().nullable(),
  refunded: z.int(),
  tombstone: z.boolean(),
  /** Requests to open it that arrived. */
  requests: z.int(),
  createdAt: z.string(),
  settledAt: z.string().nullable(),
});

/** The trades of a number, as in the list. */
export async function truthOfTrade(sql: Sql, tradeNo: string): Promise<z.infer<typeof tradeTruth>[]> {
  return sql.query<z.infer<typeof tradeTruth>>({
    text: `SELECT ${LISTS.trades.columns} FROM sandbox.trade WHERE trade_no = $1`,
    values: [tradeNo],
  });
}

export async function truthOfRefunds(sql: Sql, channel: string, tradeNo: string): Promise<TruthRow[]> {
  return sql.query<TruthRow>({
    text: `SELECT ${LISTS.refunds.columns} FROM sandbox.refund WHERE trade_no = $1 AND channel = $2
      ORDER BY created_at LIMIT 100`,
    values: [tradeNo, channel],
  });
}

/** Messages about a subject that its receiver has not taken. */
export async function waitingCallbacks(sql: Sql, source: string, subject: string): Promise<TruthRow[]> {
  return sql.query<TruthRow>({
    text: `SELECT id, tries, last_answer AS "lastAnswer", ${wireTime('due_at')} AS "dueAt", given_up_at IS NOT NULL AS "givenUp"
      FROM sandbox.callback WHERE source = $1 AND subject = $2 ORDER BY created_at LIMIT 20`,
    values: [source, subject],
  });
}

/** Amounts are text in minor units: the sum of a sale may be more than a JSON number holds exactly. */
const sum = z.object({
  state: z.string(),
  channel: z.string().optional(),
  /** Null: a tombstone, which has none. */
  currency: z.string().nullable().optional(),
  count: z.int(),
  amount: z.string().nullable().optional(),
});

export const effectsSchema = z.object({
  trades: z.array(sum),
  refunds: z.array(sum),
  deductions: z.array(sum),
  shipments: z.array(sum),
  returns: z.array(sum),
  rooms: z.array(sum),
  /** How often each effect really happened, all keys together. */
  happened: z.array(z.object({ kind: z.string(), count: z.int() })),
  /** The most often that one effect happened under one key. Above 1 something was done twice. */
  maxPerKey: z.int(),
  /** Keys whose effect happened more than once, and up to 20 of them as `kind key`. */
  repeated: z.int(),
  repeatedKeys: z.array(z.string()),
  /** The most live deductions of one resource. */
  maxLivePerResource: z.int(),
  /** Requests that came again under a known key and changed nothing. */
  repeatedRequests: z.int(),
  callbacksWaiting: z.int(),
  callbacksGivenUp: z.int(),
  /** Requests that a fault holds back at this moment. */
  parked: z.int(),
});

type Sum = z.infer<typeof sum>;
type Effects = z.infer<typeof effectsSchema>;

/** The sums, all of one moment. Costs what there is: for audits, not for a hot path. */
export async function effects(db: Database): Promise<Effects> {
  return db.tx(
    async (tx) => ({
      trades: await sums(
        tx,
        `channel, state, currency, count(*) AS count, sum(amount)::text AS amount FROM sandbox.trade`,
        3,
      ),
      refunds: await sums(
        tx,
        `channel, state, currency, count(*) AS count, sum(amount)::text AS amount FROM sandbox.refund`,
        3,
      ),
      deductions: await sums(
        tx,
        `state, currency, count(*) AS count, sum(amount)::text AS amount FROM sandbox.deduction`,
        2,
      ),
      shipments: await sums(tx, 'state, count(*) AS count FROM sandbox.shipment', 1),
      returns: await sums(tx, 'state, count(*) AS count FROM sandbox.return_parcel', 1),
      rooms: await sums(tx, 'state, count(*) AS count FROM sandbox.room_lock', 1),
      happened: await tx.query<{ kind: string; count: number }>({
        text: 'SELECT kind, count(*) AS count FROM sandbox.effect GROUP BY 1 ORDER BY 1',
      }),
      ...(await proofs(tx)),
    }),
    { isolation: 'repeatable read', readOnly: true },
  );
}

async function sums(sql: Sql, what: string, groups: number): Promise<Sum[]> {
  const places = Array.from({ length: groups }, (_, i) => i + 1).join(', ');
  return sql.query<Sum>({ text: `SELECT ${what} GROUP BY ${places} ORDER BY ${places}` });
}

type Proofs = Omit<Effects, 'trades' | 'refunds' | 'deductions' | 'shipments' | 'returns' | 'rooms' | 'happened'>;

async function proofs(sql: Sql): Promise<Proofs> {
  const rows = await sql.query<Proofs>({
    text: `WITH per_key AS (SELECT kind, source, key, count(*) AS times FROM sandbox.effect GROUP BY 1, 2, 3),
      asked AS (SELECT requests FROM sandbox.trade UNION ALL SELECT requests FROM sandbox.refund
        UNION ALL SELECT requests FROM sandbox.deduction UNION ALL SELECT requests FROM sandbox.shipment
        UNION ALL SELECT requests FROM sandbox.room_lock UNION ALL SELECT requests FROM sandbox.return_parcel)
      SELECT
        (SELECT coalesce(max(times), 0) FROM per_key) AS "maxPerKey",
        (SELECT coalesce(jsonb_agg(kind || ' ' || key), '[]') FROM (SELECT kind, key FROM per_key WHERE times > 1 LIMIT 20) r)
          AS "repeatedKeys",
        (SELECT count(*) FROM per_key WHERE times > 1) AS repeated,
        (SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM sandbox.deduction WHERE state = 'deducted'
          GROUP BY kind, resource) live) AS "maxLivePerResource",
        (SELECT coalesce(sum(requests - 1), 0)::bigint FROM asked WHERE requests > 1) AS "repeatedRequests",
        (SELECT count(*) FROM sandbox.callback WHERE given_up_at IS NULL) AS "callbacksWaiting",
        (SELECT count(*) FROM sandbox.callback WHERE given_up_at IS NOT NULL) AS "callbacksGivenUp",
        (SELECT count(*) FROM sandbox.parked) AS parked`,
  });
  const row = rows[0];
  if (row === undefined) throw new Error('broken invariant: a statement returned no row');
  return row;
}
