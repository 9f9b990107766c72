import type { BusEvent } from '../bus/event.ts';
import { addMs } from '../kernel/clock.ts';
import type { Sql } from '../kernel/db/database.ts';

/** Whose money an event of this type moved: where its amount stands. */
const AMOUNTS: Readonly<Record<string, { readonly table: string; readonly column: string }>> = {
  'order.created': { table: 'core.orders', column: 'payable' },
  'order.paid': { table: 'core.orders', column: 'payable' },
  'order.cancelled': { table: 'core.orders', column: 'payable' },
  'payment.p8': { table: 'core.payment', column: 'amount' },
  'refund.r10': { table: 'core.refund', column: 'amount' },
};
/** ISO 4217 for "no currency". */
const NO_CURRENCY = 'XXX';
const NAME = 'statistics';
/** Minutes are kept so long; days for ever. */
const MINUTES_KEPT_MS = 8 * 24 * 3_600_000;

export type Grain = 'minute' | 'day';

interface Sum {
  readonly grain: Grain;
  readonly bucket: Date;
  readonly type: string;
  readonly currency: string;
  count: number;
  amount: number;
}

/**
 * Adds events to the sums of their minute and day, each once. Events come in commit order, so a mark says what was
 * counted; what lies at or before it was, unless it had been set aside (parked) and is only now handed over.
 */
export async function countEvents(sql: Sql, consumer: string, events: readonly BusEvent[]): Promise<void> {
  const fresh = await uncounted(sql, consumer, events);
  const last = fresh.at(-1);
  if (last === undefined) return;
  const money = await amountsOf(sql, fresh);
  const sums = new Map<string, Sum>();
  for (const event of fresh) {
    // A note moves nothing.
    if (event.fromState === event.toState) continue;
    const { currency, amount } = money.get(event.id) ?? { currency: NO_CURRENCY, amount: 0 };
    for (const grain of ['minute', 'day'] as const) {
      const bucket = bucketOf(event.at, grain);
      const key = `${grain} ${bucket.getTime()} ${event.type} ${currency}`;
      const sum = sums.get(key) ?? { grain, bucket, type: event.type, currency, count: 0, amount: 0 };
      sums.set(key, { ...sum, count: sum.count + 1, amount: sum.amount + amount });
    }
  }
  await Promise.all([save(sql, [...sums.values()]), moveMark(sql, last), prune(sql, last.at)]);
}

async function uncounted(sql: Sql, consumer: string, events: readonly BusEvent[]): Promise<readonly BusEvent[]> {
  const ids = events.map(({ id }) => id);
  const [marks, parked] = await Promise.all([
    sql.query<{ xid: string; event_id: number }>({
      name: 'statistics_mark',
      text: 'SELECT xid::text AS xid, event_id FROM core.statistic_mark WHERE name = $1 FOR UPDATE',
      values: [NAME],
    }),
    sql.query<{ event_id: number }>({
      name: 'statistics_parked',
      text: 'SELECT event_id FROM core.parked_event WHERE consumer = $1 AND event_id = ANY($2::bigint[])',
      values: [consumer, ids],
    }),
  ]);
  const mark = marks[0] ?? { xid: '0', event_id: 0 };
  const aside = new Set(parked.map((row) => row.event_id));
  const markXid = BigInt(mark.xid);
  return events.filter((event) => {
    const xid = BigInt(event.xid);
    return xid > markXid || (xid === markXid && event.id > mark.event_id) || aside.has(event.id);
  });
}

async function amountsOf(
  sql: Sql,
  events: readonly BusEvent[],
): Promise<ReadonlyMap<number, { readonly currency: string; readonly amount: number }>> {
  const places = new Map<string, { table: string; column: string }>();
  for (const { type } of events) {
    const place = AMOUNTS[type];
    if (place !== undefined) places.set(place.table, place);
  }
  const found = await Promise.all(
    [...places.values()].map(async ({ table, column }) => {
      const ours = events.filter(({ type }) => AMOUNTS[type]?.table === table);
      const rows = await sql.query<{ id: string; currency: string; amount: number }>({
        name: `statistics_amounts_${table}`,
        text: `SELECT id, currency, ${column} AS amount FROM ${table} WHERE id = ANY($1)`,
        values: [[...new Set(ours.map(({ entityId }) => entityId))]],
      });
      const byId = new Map(rows.map((row) => [row.id, row]));
      return ours.flatMap((event) => {
        const row = byId.get(event.entityId);
        return row === undefined ? [] : [[event.id, { currency: row.currency, amount: row.amount }] as const];
      });
    }),
  );
  return new Map(found.flat());
}

async function save(sql: Sql, sums: readonly Sum[]): Promise<void> {
  if (sums.length === 0) return;
  await sql.query({
    name: 'statistics_save',
    text: `INSERT INTO core.statistic AS s (grain, bucket, type, currency, count, amount)
      SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])
      ON CONFLICT (grain, bucket, type, currency)
      DO UPDATE SET count = s.count + excluded.count, amount = s.amount + excluded.amount`,
    values: [
      sums.map((s) => s.grain),
      sums.map((s) => s.bucket),
      sums.map((s) => s.type),
      sums.map((s) => s.currency),
      sums.map((s) => s.count),
      sums.map((s) => s.amount),
    ],
  });
}

/** Never back: an event that was set aside lies before what was counted since. */
async function moveMark(sql: Sql, to: BusEvent): Promise<void> {
  await sql.query({
    name: 'statistics_move',
    text: `INSERT INTO core.statistic_mark AS m (name, xid, event_id) VALUES ($1, $2::xid8, $3)
      ON CONFLICT (name) DO UPDATE SET xid = excluded.xid, event_id = excluded.event_id
      WHERE (m.xid, m.event_id) < (excluded.xid, excluded.event_id)`,
    values: [NAME, to.xid, to.id],
  });
}

async function prune(sql: Sql, now: Date): Promise<void> {
  await sql.query({
    name: 'statistics_prune',
    text: `DELETE FROM core.statistic WHERE grain = 'minute' AND bucket < $1`,
    values: [addMs(now, -MINUTES_KEPT_MS)],
  });
}

function bucketOf(at: Date, grain: Grain): Date {
  const sizeMs = grain === 'minute' ? 60_000 : 86_400_000;
  return new Date(Math.floor(at.getTime() / sizeMs) * sizeMs);
}

export interface StatisticRow {
  readonly bucket: Date;
  readonly type: string;
  readonly currency: string;
  readonly count: number;
  /** Minor units, as text: sums may pass 2^53. */
  readonly amount: string;
}

/** A place in a list of sums. */
export type StatisticPlace = Pick<StatisticRow, 'bucket' | 'type' | 'currency'>;

/** The sums of a grain, newest bucket first, before a place when given; of one type when named. */
export async function readStatistics(
  sql: Sql,
  want: {
    readonly grain: Grain;
    readonly type: string | null;
    readonly before: StatisticPlace | null;
    readonly limit: number;
  },
): Promise<StatisticRow[]> {
  const { before } = want;
  return sql.query<StatisticRow>({
    name: 'statistics_read',
    text: `SELECT bucket, type, currency, count, amount::text AS amount FROM core.statistic
      WHERE grain = $1 AND ($2::text IS NULL OR type = $2)
        AND ($3::timestamptz IS NULL OR (bucket, type, currency) < ($3, $4, $5))
      ORDER BY bucket DESC, type DESC, currency DESC LIMIT $6`,
    values: [want.grain, want.type, before?.bucket ?? null, before?.type ?? null, before?.currency ?? null, want.limit],
  });
}
