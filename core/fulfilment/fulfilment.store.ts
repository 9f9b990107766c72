import type { Sql } from '../kernel/db/database.ts';
import type { MachineRow } from '../kernel/machine.ts';
import type { Currency } from '../kernel/money.ts';
import type { CodePieces } from '../stock/codes.ts';
import type { InitParcel } from './fulfilment.port.ts';

export interface ShipmentRow extends MachineRow {
  readonly order_id: string;
  readonly pay_order_id: string;
  readonly carrier: string | null;
  readonly tracking_no: string | null;
  readonly codes: readonly string[] | null;
  readonly cancel_intent: 'refund' | 'split' | null;
  readonly cancel_refused: boolean;
  readonly after_shipment: string | null;
  readonly refund_id: string | null;
  readonly edited_at: Date | null;
  readonly created_at: Date;
}

/** The types of orders whose goods are shipped. */
const SHIPPED: ReadonlySet<string> = new Set(['physical', 'presale']);

interface ParcelRow {
  readonly type: string;
  readonly address: unknown;
  readonly account: string | null;
  readonly sku_id: number;
  readonly name: string;
  readonly quantity: number;
}

type Parcel = Pick<ShipmentRow, 'id' | 'order_id'>;

/** Puts a whole order into a new shipment, and says what the fulfilment service is told of it. */
export async function packWholeOrder(sql: Sql, shipment: Parcel): Promise<InitParcel> {
  const rows = await sql.query<ParcelRow>({
    name: 'shipment_pack_whole',
    text: `WITH packed AS (
        INSERT INTO core.shipment_line (shipment_id, order_id, line_no, quantity)
        SELECT $1, order_id, line_no, quantity FROM core.order_line WHERE order_id = $2
      ) SELECT o.type, o.address, o.details->>'account' AS account, l.sku_id, l.name, l.quantity
      FROM core.orders o JOIN core.order_line l ON l.order_id = o.id WHERE o.id = $2 ORDER BY l.line_no`,
    values: [shipment.id, shipment.order_id],
  });
  return parcelFrom(shipment, rows);
}

/** What the fulfilment service is told of a shipment. */
export async function parcelOf(sql: Sql, shipment: Parcel): Promise<InitParcel> {
  const rows = await sql.query<ParcelRow>({
    name: 'shipment_parcel',
    text: `SELECT o.type, o.address, o.details->>'account' AS account, l.sku_id, l.name, s.quantity
      FROM core.shipment_line s JOIN core.orders o ON o.id = s.order_id
      JOIN core.order_line l ON l.order_id = s.order_id AND l.line_no = s.line_no
      WHERE s.shipment_id = $1 ORDER BY l.line_no`,
    values: [shipment.id],
  });
  return parcelFrom(shipment, rows);
}

function parcelFrom(shipment: Parcel, rows: readonly ParcelRow[]): InitParcel {
  const [first] = rows;
  if (first === undefined) throw new Error(`broken invariant: shipment ${shipment.id} has no lines`);
  return {
    shipmentId: shipment.id,
    orderId: shipment.order_id,
    goodsKind: SHIPPED.has(first.type) ? 'physical' : 'virtual',
    address: first.address,
    ...(first.type === 'topup' && first.account !== null ? { account: first.account } : {}),
    lines: rows.map((row) => ({ skuId: String(row.sku_id), name: row.name, quantity: row.quantity })),
  };
}

/** Pieces of one line of an order. */
export interface PartLine {
  readonly lineNo: number;
  readonly quantity: number;
}

/** Puts pieces into a new shipment. */
export async function pack(sql: Sql, shipment: Parcel, lines: readonly PartLine[]): Promise<void> {
  await sql.query({
    name: 'shipment_pack',
    text: `INSERT INTO core.shipment_line (shipment_id, order_id, line_no, quantity)
      SELECT $1, $2, line_no, quantity FROM unnest($3::integer[], $4::bigint[]) AS l (line_no, quantity)`,
    values: [shipment.id, shipment.order_id, lines.map((l) => l.lineNo), lines.map((l) => l.quantity)],
  });
}

export async function linesIn(sql: Sql, shipmentId: string): Promise<PartLine[]> {
  return sql.query<PartLine>({
    name: 'shipment_lines',
    text: 'SELECT line_no AS "lineNo", quantity FROM core.shipment_line WHERE shipment_id = $1 ORDER BY line_no',
    values: [shipmentId],
  });
}

/** Pieces in a shipment of SKUs that are delivered as codes of our own pool. */
export async function codePiecesIn(sql: Sql, shipmentId: string): Promise<CodePieces[]> {
  return sql.query<CodePieces>({
    name: 'shipment_code_pieces',
    text: `SELECT l.sku_id AS "skuId", sum(s.quantity)::bigint AS pieces
      FROM core.shipment_line s JOIN core.order_line l ON l.order_id = s.order_id AND l.line_no = s.line_no
      JOIN core.sku k ON k.id = l.sku_id AND k.stock_mode = 'codes'
      WHERE s.shipment_id = $1 GROUP BY l.sku_id ORDER BY l.sku_id`,
    values: [shipmentId],
  });
}

/** The order's shipments that have not ended, the oldest first. Those of an exchange carry other pieces. */
export async function liveShipmentsOf(sql: Sql, orderId: string): Promise<ShipmentRow[]> {
  return sql.query<ShipmentRow>({
    name: 'shipments_live',
    text: `SELECT * FROM core.shipment
      WHERE order_id = $1 AND state IN ('F0','F1','F2') AND refund_id IS NULL ORDER BY created_at, id`,
    values: [orderId],
  });
}

/** Pieces per line that lie in a live shipment. Those that wait for another shipment lie in that one. */
export async function assignedOf(sql: Sql, orderId: string): Promise<ReadonlyMap<number, number>> {
  const rows = await sql.query<{ line_no: number; quantity: number }>({
    name: 'shipment_assigned',
    text: `SELECT l.line_no, sum(l.quantity)::bigint AS quantity
      FROM core.shipment s JOIN core.shipment_line l ON l.shipment_id = s.id
      WHERE s.order_id = $1 AND s.state IN ('F0','F1','F2') AND s.refund_id IS NULL
        AND NOT EXISTS (SELECT FROM core.shipment b WHERE b.id = s.after_shipment AND b.state IN ('F0','F1','F2'))
      GROUP BY l.line_no`,
    values: [orderId],
  });
  return new Map(rows.map((row) => [row.line_no, row.quantity]));
}

/** What an order is to its shipments. */
export async function orderOfShipments(
  sql: Sql,
  orderId: string,
): Promise<{ readonly order_id: string; readonly pay_order_id: string; readonly state: string } | null> {
  const rows = await sql.query<{ order_id: string; pay_order_id: string; state: string }>({
    name: 'shipment_order',
    text: 'SELECT id AS order_id, pay_order_id, state FROM core.orders WHERE id = $1',
    values: [orderId],
  });
  return rows[0] ?? null;
}

/** The shipments that wait for the end of this one. */
export async function followersOf(sql: Sql, shipmentId: string): Promise<ShipmentRow[]> {
  return sql.query<ShipmentRow>({
    name: 'shipment_followers',
    text: `SELECT * FROM core.shipment WHERE after_shipment = $1 AND state = 'F0' ORDER BY id`,
    values: [shipmentId],
  });
}

/** Makes a shipment due now: what it waited for has come. */
export async function makeDue(sql: Sql, shipmentId: string, now: Date): Promise<void> {
  await sql.query({
    name: 'shipment_due_now',
    text: `UPDATE core.shipment SET due_at = $2, version = version + 1 WHERE id = $1 AND state = 'F0'`,
    values: [shipmentId, now],
  });
}

/** Writes down that a shipment shall be given up. False: it has ended, or that was written before. */
export async function setCancelIntent(
  sql: Sql,
  shipmentId: string,
  intent: 'refund' | 'split',
  now: Date,
): Promise<boolean> {
  const rows = await sql.query({
    name: 'shipment_cancel_intent',
    text: `UPDATE core.shipment SET cancel_intent = $2, due_at = $3, version = version + 1
      WHERE id = $1 AND state IN ('F0','F1','F2') AND cancel_intent IS NULL RETURNING id`,
    values: [shipmentId, intent, now],
  });
  return rows.length === 1;
}

/** The service does not give it up any more. Null: it has ended meanwhile. */
export async function setCancelRefused(sql: Sql, shipmentId: string, dueAt: Date): Promise<ShipmentRow | null> {
  const rows = await sql.query<ShipmentRow>({
    name: 'shipment_cancel_refused',
    text: `UPDATE core.shipment SET cancel_refused = true, due_at = $2, version = version + 1
      WHERE id = $1 AND state = 'F2' RETURNING *`,
    values: [shipmentId, dueAt],
  });
  return rows[0] ?? null;
}

/** What lay in a shipment is delivered. */
export async function countDelivered(sql: Sql, shipment: Parcel): Promise<void> {
  await sql.query({
    name: 'shipment_delivered_lines',
    text: `UPDATE core.order_line l SET shipped = l.shipped + s.quantity
      FROM core.shipment_line s WHERE s.shipment_id = $1 AND l.order_id = s.order_id AND l.line_no = s.line_no`,
    values: [shipment.id],
  });
}

export async function setCodes(sql: Sql, shipmentId: string, codes: readonly string[]): Promise<void> {
  await sql.query({
    name: 'shipment_codes',
    text: 'UPDATE core.shipment SET codes = $2::jsonb WHERE id = $1',
    values: [shipmentId, JSON.stringify(codes)],
  });
}

/** Whether every piece of the order is delivered or dropped, and one at least delivered. */
export async function isComplete(sql: Sql, orderId: string): Promise<boolean> {
  const rows = await sql.query<{ complete: boolean }>({
    name: 'order_complete',
    text: `SELECT sum(quantity - shipped - dropped) = 0 AND sum(shipped) > 0 AS complete
      FROM core.order_line WHERE order_id = $1`,
    values: [orderId],
  });
  return rows[0]?.complete ?? false;
}

/** A person's correction of carrier or number, if the row is still as it was read. */
export async function correctParcel(
  sql: Sql,
  edit: { readonly id: string; readonly version: number; readonly carrier: string; readonly trackingNo: string },
  now: Date,
): Promise<ShipmentRow | null> {
  const rows = await sql.query<ShipmentRow>({
    name: 'shipment_correct',
    text: `UPDATE core.shipment SET carrier = $3, tracking_no = $4, edited_at = $5, version = version + 1
      WHERE id = $1 AND version = $2 AND state IN ('F1','F2','F4') RETURNING *`,
    values: [edit.id, edit.version, edit.carrier, edit.trackingNo, now],
  });
  return rows[0] ?? null;
}

/** The effective capture that paid an order; of two parts, that of the balance. */
export async function captureOf(
  sql: Sql,
  orderId: string,
): Promise<{ captureId: string; channel: string; currency: Currency } | null> {
  const rows = await sql.query<{ captureId: string; channel: string; currency: Currency }>({
    name: 'order_paid_share',
    text: `SELECT c.id AS "captureId", c.channel, o.currency
      FROM core.orders o JOIN core.capture c ON (c.kind = 'effective' OR c.state = 'REVIVED')
        AND c.pay_order_id IN (SELECT p.id FROM core.pay_order p WHERE p.id = o.pay_order_id OR p.first_id = o.pay_order_id)
      WHERE o.id = $1 ORDER BY c.pay_order_id DESC LIMIT 1`,
    values: [orderId],
  });
  return rows[0] ?? null;
}
