import type { Sql } from '../kernel/db/database.ts';
import type { MachineRow } from '../kernel/machine.ts';
import type { Currency } from '../kernel/money.ts';
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
    goodsKind: first.type === 'physical' ? 'physical' : 'virtual',
    address: first.address,
    ...(first.type === 'topup' && first.account !== null ? { account: first.account } : {}),
    lines: rows.map((row) => ({ skuId: String(row.sku_id), name: row.name, quantity: row.quantity })),
  };
}

/** What lay in a shipment is delivered. */
export async function countDelivered(sql: Sql, shipmentId: string): Promise<void> {
  await sql.query({
    name: 'shipment_delivered_lines',
    text: `UPDATE core.order_line l SET shipped = l.shipped + s.quantity
      FROM core.shipment_line s WHERE s.shipment_id = $1 AND l.order_id = s.order_id AND l.line_no = s.line_no`,
    values: [shipmentId],
  });
}

/** The order's other shipments that are not delivered yet. */
export async function undeliveredOf(sql: Sql, orderId: string): Promise<number> {
  const rows = await sql.query<{ count: number }>({
    name: 'shipment_undelivered',
    text: `SELECT count(*) AS count FROM core.shipment WHERE order_id = $1 AND state <> 'F4'`,
    values: [orderId],
  });
  return rows[0]?.count ?? 0;
}

/** The effective capture that paid an order, and the order's shares of it. */
export async function paidShareOf(
  sql: Sql,
  orderId: string,
): Promise<{ captureId: string; channel: string; currency: Currency; amount: number; subsidy: number } | null> {
  const rows = await sql.query<{
    capture_id: string;
    channel: string;
    currency: Currency;
    payable: number;
    discount_amount: number;
  }>({
    name: 'order_paid_share',
    text: `SELECT c.id AS capture_id, c.channel, o.currency, o.payable, o.discount_amount
      FROM core.orders o JOIN core.capture c ON c.pay_order_id = o.pay_order_id AND c.kind = 'effective' WHERE o.id = $1`,
    values: [orderId],
  });
  const row = rows[0];
  if (row === undefined) return null;
  return {
    captureId: row.capture_id,
    channel: row.channel,
    currency: row.currency,
    amount: row.payable,
    subsidy: row.discount_amount,
  };
}
