import { kickAfterSales } from '../../core/aftersales/aftersales.driver.ts';
import { approveRefund } from '../../core/aftersales/decisions.ts';
import { type RefundWish, requestRefund } from '../../core/aftersales/request.ts';
import { applyReturn } from '../../core/aftersales/returning.ts';
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

/** Keys that no two requests of a test file share. */
const keys = (function* () {
  for (let n = 1; ; n += 1) yield `refund-${n}`;
})();

/** The shopper asks for something back; under a key of its own unless one is given. */
export async function ask(
  world: World,
  wish: Partial<RefundWish> & { readonly orderId: string },
  key = keys.next().value,
): Promise<string> {
  const asked = await requestRefund(world.ctx, SHOPPER, { kind: 'refund', reason: 'a test', ...wish }, key);
  if (!asked.ok) throw new Error(`${asked.code}: ${asked.detail}`);
  return asked.value.refund.id;
}

export const SHOPPER = { name: 'a shop', entrance: 'user' } as const;

/** Asks, and the merchant agrees; what follows comes to rest. */
export async function askedAndApproved(
  world: World,
  wish: Partial<RefundWish> & { readonly orderId: string },
): Promise<string> {
  const id = await ask(world, wish);
  await approved(world, id);
  return id;
}

export async function approved(world: World, id: string): Promise<void> {
  const agreed = await approveRefund(world.ctx, 'a merchant', id);
  if (!agreed.ok) throw new Error(`${agreed.code}: ${agreed.detail}`);
  await world.ctx.background.idle();
}

/** What the fulfilment service says of the goods of a refund, brought as a callback would. */
export async function returned(world: World, refundId: string, state: 'received' | 'failed', leg = 1): Promise<void> {
  const returnNo = leg === 1 ? refundId : `${refundId}.${leg}`;
  const view = world.outside.fulfilment.setReturn(returnNo, state);
  const outcome = await applyReturn(world.ctx, view, { actor: 'test', reason: 'a test' });
  if (outcome.kind === 'conflict') throw new Error(outcome.reason);
  kickAfterSales(world.ctx, refundId);
  await world.ctx.background.idle();
}

/** What the accounts of a pay order's postings come to, by kind. */
export async function booksOfPayOrder(world: World, payOrderId: string): Promise<Record<string, number>> {
  const rows = await world.ctx.db.query<{ kind: string; total: number }>({
    text: `SELECT a.kind, sum(e.amount)::bigint AS total FROM core.posting p JOIN core.entry e ON e.posting_id = p.id
      JOIN core.account a ON a.id = e.account_id WHERE p.pay_order_id = $1 GROUP BY a.kind HAVING sum(e.amount) <> 0`,
    values: [payOrderId],
  });
  return Object.fromEntries(rows.map(({ kind, total }) => [kind, total]));
}
