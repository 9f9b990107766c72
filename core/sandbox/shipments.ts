import type { Sql } from '../kernel/db/database.ts';
import { must } from '../kernel/errors.ts';
import { A_MOMENT_MS } from './autopilot.ts';
import { bodyOf, MESSAGE_COLUMNS, type Message, queueFrom, wireTime } from './callbacks.store.ts';
import type { World } from './world.ts';

/** The fulfilment service: parcels of physical goods, codes of virtual ones. */
export type ShipmentState = 'accepted' | 'processing' | 'failed' | 'delivered' | 'cancelled';

export interface ShipmentRow {
  readonly shipment_id: string;
  readonly order_id: string | null;
  readonly goods_kind: string | null;
  readonly units: number;
  readonly state: ShipmentState;
  readonly carrier: string | null;
  readonly tracking_no: string | null;
  readonly codes: readonly string[] | null;
  readonly reason: string | null;
  readonly notify_url: string | null;
  readonly tombstone: boolean;
  readonly requests: number;
  readonly auto_at: Date | null;
  readonly created_at: Date;
  readonly settled_at: Date | null;
}

export interface ShipmentInput {
  readonly shipmentId: string;
  readonly orderId: string;
  readonly goodsKind: 'physical' | 'virtual';
  readonly address?: unknown;
  /** What a top-up (充值) goes to. */
  readonly account?: string | undefined;
  readonly lines: readonly { readonly skuId: string; readonly name: string; readonly quantity: number }[];
  readonly notifyUrl: string;
}

/** Without the address and the lines, which nobody asks for. */
export const SHIPMENT_COLUMNS = `shipment_id, order_id, goods_kind, units, state, carrier, tracking_no, codes, reason,
  notify_url, tombstone, requests, auto_at, created_at, settled_at`;

const MAX_CODES = 10_000;

/**
 * Accepts a parcel, once per number: a repetition answers it as it stands. `null`: the number is known for another
 * order. `refuseFor` makes a new parcel fail at once, and keeps it so.
 */
export async function initShipment(
  world: World,
  sql: Sql,
  input: ShipmentInput,
  refuseFor: string | null,
): Promise<ShipmentRow | null> {
  const { fulfil, fulfilDelayMs } = world.knobs.settings;
  const units = input.lines.reduce((sum, line) => sum + line.quantity, 0);
  const tooMany = input.goodsKind === 'virtual' && units > MAX_CODES;
  const failure = refuseFor ?? (tooMany ? `one delivery has at most ${MAX_CODES} codes` : null);
  const rows = await sql.query<ShipmentRow>({
    name: 'sandbox_shipment_init',
    text: `INSERT INTO sandbox.shipment AS s
        (shipment_id, order_id, goods_kind, address, lines, units, state, reason, notify_url, auto_at, account)
      VALUES ($1, $2, $3, $4::jsonb, $5::jsonb, $6, $7, $8, $9, clock_timestamp() + $10::bigint * interval '1 millisecond', $11)
      ON CONFLICT (shipment_id) DO UPDATE SET requests = s.requests + 1
      RETURNING ${SHIPMENT_COLUMNS}`,
    values: [
      input.shipmentId,
      input.orderId,
      input.goodsKind,
      JSON.stringify(input.address ?? null),
      JSON.stringify(input.lines),
      units,
      failure === null ? 'accepted' : 'failed',
      failure,
      input.notifyUrl,
      fulfil === 'auto' && failure === null ? fulfilDelayMs : null,
      input.account ?? null,
    ],
  });
  const row = must(rows[0], `shipment ${input.shipmentId}`);
  return row.order_id === input.orderId || row.tombstone ? row : null;
}

export async function findShipment(sql: Sql, shipmentId: string): Promise<ShipmentRow | null> {
  const rows = await sql.query<ShipmentRow>({
    name: 'sandbox_shipment_find',
    text: `SELECT ${SHIPMENT_COLUMNS} FROM sandbox.shipment WHERE shipment_id = $1`,
    values: [shipmentId],
  });
  return rows[0] ?? null;
}

/**
 * Cancels a parcel that nobody has begun to pack, or answers where it is. An unknown number is cancelled in advance: the
 * tombstone stops the request that is still on its way.
 */
export async function cancelShipment(world: World, shipmentId: string): Promise<ShipmentRow> {
  const rows = await world.db.query<ShipmentRow>({
    name: 'sandbox_shipment_cancel',
    text: `INSERT INTO sandbox.shipment AS s (shipment_id, state, reason, tombstone, requests, settled_at)
      VALUES ($1, 'cancelled', 'cancelled before it arrived', true, 0, clock_timestamp())
      ON CONFLICT (shipment_id) DO UPDATE SET
        state = CASE WHEN s.state = 'accepted' THEN 'cancelled' ELSE s.state END,
        reason = CASE WHEN s.state = 'accepted' THEN 'cancelled by the merchant' ELSE s.reason END,
        settled_at = CASE WHEN s.state = 'accepted' THEN clock_timestamp() ELSE s.settled_at END,
        auto_at = CASE WHEN s.state = 'accepted' THEN NULL ELSE s.auto_at END
      RETURNING ${SHIPMENT_COLUMNS}`,
    values: [shipmentId],
  });
  return must(rows[0], `shipment ${shipmentId}`);
}

const SHIPMENT_BODY = bodyOf({
  type: "'shipment.' || state",
  source: "'fulfilment'",
  shipmentId: 'shipment_id',
  carrier: 'carrier',
  trackingNo: 'tracking_no',
  codes: 'codes',
  reason: 'reason',
  occurredAt: wireTime('clock_timestamp()'),
});

/** Moves on the parcels that `which` names, with the effect of each and its callback, in one statement. */
function settle(which: string, answer: string): string {
  return `WITH moved AS (
      UPDATE sandbox.shipment s SET state = $1, auto_at = NULL,
        settled_at = CASE WHEN $1 = 'processing' THEN NULL ELSE clock_timestamp() END,
        carrier = CASE WHEN goods_kind = 'physical' AND $1 IN ('processing','delivered') THEN 'Sandbox Express' ELSE carrier END,
        tracking_no = CASE WHEN goods_kind = 'physical' AND $1 IN ('processing','delivered')
          THEN coalesce(tracking_no, 'SX' || upper(substr(md5(shipment_id), 1, 12))) ELSE tracking_no END,
        codes = CASE WHEN goods_kind = 'virtual' AND account IS NULL AND $1 = 'delivered' THEN (SELECT jsonb_agg(
          upper(substr(md5(s.shipment_id || ':' || n || ':' || random()), 1, 16))) FROM generate_series(1, s.units) n) END,
        reason = CASE $1 WHEN 'failed' THEN 'the parcel cannot be delivered' WHEN 'cancelled' THEN 'cancelled by the warehouse' END
      WHERE (s.state = 'accepted' OR (s.state = 'processing' AND $1 <> 'processing')) AND ${which}
      RETURNING s.*),
    done AS (
      INSERT INTO sandbox.effect (kind, source, key) SELECT 'shipment.delivered', 'fulfilment', shipment_id
      FROM moved WHERE state = 'delivered'),
    queued AS (${queueFrom(`SELECT 'fulfilment', shipment_id, notify_url, ${SHIPMENT_BODY} FROM moved`)})
    ${answer}`;
}

const SETTLE_ONE = settle(
  's.shipment_id = $2',
  `SELECT ${SHIPMENT_COLUMNS}, to_jsonb(q) AS message FROM moved m JOIN (SELECT * FROM queued) q ON q.subject = m.shipment_id`,
);
const SETTLE_DUE = settle(
  `s.shipment_id IN (SELECT shipment_id FROM sandbox.shipment
    WHERE auto_at <= clock_timestamp() ORDER BY auto_at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
  `SELECT ${MESSAGE_COLUMNS} FROM queued`,
);

/** What the warehouse does with a parcel. `cancelled` is its own doing here: a merchant's cancel is answered, not called back. */
export type ShipmentStep = 'processing' | 'delivered' | 'failed' | 'cancelled';

/** `null`: there is no such parcel, or it cannot go there from where it is. The message is the caller's to send. */
export async function moveShipment(
  sql: Sql,
  shipmentId: string,
  to: ShipmentStep,
): Promise<{ row: ShipmentRow; message: Message } | null> {
  const rows = await sql.query<ShipmentRow & { message: Message }>({
    name: 'sandbox_shipment_settle_one',
    text: SETTLE_ONE,
    values: [to, shipmentId],
  });
  const row = rows[0];
  return row === undefined ? null : { row, message: row.message };
}

/** Lets up to `limit` parcels arrive whose time has come. */
export async function deliverDueShipments(sql: Sql, limit: number): Promise<Message[]> {
  return sql.query<Message>({ name: 'sandbox_shipment_settle_due', text: SETTLE_DUE, values: ['delivered', limit] });
}

/** A new parcel that arrives by itself. */
export function kickDelivery(world: World, row: ShipmentRow): void {
  if (row.auto_at === null || row.requests > 1) return;
  world.autopilot.kick('shipment', Math.max(A_MOMENT_MS, world.knobs.settings.fulfilDelayMs));
}
