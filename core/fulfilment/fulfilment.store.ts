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
  readonly cancel_intent: string | null;
  readonly created_at: Date;
}

/** What the fulfilment service is told of a shipment. */
export async function parcelOf(sql: Sql, shipment: Pick<ShipmentRow, 'id' | 'order_id'>): Promise<InitParcel> {
  const rows = await sql.query<{ type: string; address: unknown; sku_id: number; name: string; quantity: number }>({
    name: 'shipment_parcel',
    text: `SELECT o.type, o.address, l.sku_id, l.name, l.quantity
      FROM core.orders o JOIN core.order_line l ON l.order_id = o.id WHERE o.id = $1 ORDER BY l.line_no`,
    values: [shipment.order_id],
  });
  const first = rows[0];
  if (first === undefined) throw new Error(`broken invariant: order ${shipment.order_id} has no lines`);
  return {
    shipmentId: shipment.id,
    orderId: shipment.order_id,
    goodsKind: first.type === 'physical' ? 'physical' : 'virtual',
    address: first.address,
    lines: rows.map((row) => ({ skuId: String(row.sku_id), name: row.name, quantity: row.quantity })),
  };
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
