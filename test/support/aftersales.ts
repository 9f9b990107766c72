import type { ParcelView } from '../../core/fulfilment/fulfilment.port.ts';
import { applyParcel } from '../../core/fulfilment/parcel.ts';
import type { World } from '../reconcile/support.ts';
import type { PlaceOptions } from './orders.ts';
import { placed } from './orders.ts';

export interface PaidOrder {
  readonly payOrderId: string;
  readonly orderId: string;
}

/** A paid order of these pieces, its one shipment accepted by the service. */
export async function paidOrder(
  world: World,
  items: readonly { readonly skuId: number; readonly quantity: number }[],
  options: PlaceOptions = {},
): Promise<PaidOrder> {
  const created = await placed(world.ctx, items, options);
  const { payOrderId } = created;
  await world.paid(payOrderId);
  return { payOrderId, orderId: created.orders[0]?.orderId ?? '' };
}

export interface ShipmentAsIs {
  readonly id: string;
  readonly state: string;
  readonly version: number;
  readonly lines: readonly { readonly line: number; readonly quantity: number }[];
}

/** The order's shipments, the oldest first, with what lies in them. */
export async function shipmentsOf(world: World, orderId: string): Promise<ShipmentAsIs[]> {
  return world.ctx.db.query<ShipmentAsIs>({
    text: `SELECT s.id, s.state, s.version, (SELECT jsonb_agg(jsonb_build_object('line', line_no, 'quantity', quantity) ORDER BY line_no)
        FROM core.shipment_line l WHERE l.shipment_id = s.id) AS lines
      FROM core.shipment s WHERE s.order_id = $1 ORDER BY s.created_at, s.after_shipment IS NOT NULL, s.id`,
    values: [orderId],
  });
}

/** The service's word about a shipment, brought as a callback would. */
export async function tell(world: World, shipmentId: string, state: ParcelView['state']): Promise<void> {
  world.outside.fulfilment.set(shipmentId, state);
  const outcome = await applyParcel(world.ctx, shipmentId, { shipmentId, state }, { actor: 'test', reason: 'a test' });
  if (outcome.kind === 'conflict') throw new Error(outcome.reason);
  await world.ctx.background.idle();
}

/** Delivers all of an order's shipments that are under way. */
export async function deliver(world: World, orderId: string): Promise<void> {
  for (const { id, state } of await shipmentsOf(world, orderId)) {
    if (state === 'F1' || state === 'F2') await tell(world, id, 'delivered');
  }
}

export interface LineAsIs {
  readonly shipped: number;
  readonly returned: number;
  readonly dropped: number;
  readonly claimed: number;
  readonly refunded: number;
}

/** The counters of an order's lines, in their order. */
export async function countersOf(world: World, orderId: string): Promise<LineAsIs[]> {
  return world.ctx.db.query<LineAsIs>({
    text: 'SELECT shipped, returned, dropped, claimed, refunded FROM core.order_line WHERE order_id = $1 ORDER BY line_no',
    values: [orderId],
  });
}
