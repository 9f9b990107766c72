import type { CoreContext } from '../context.ts';
import type { Tx } from '../kernel/db/database.ts';
import { newId } from '../kernel/ids.ts';
import { shipmentMachine } from './fulfilment.machine.ts';
import { linesIn, type PartLine, pack, type ShipmentRow, setCancelIntent } from './fulfilment.store.ts';
import { kickShipment } from './fulfilment.ts';

/**
 * Wants a shipment given up (取消履约): the intent is written with this transaction, whoever drives the shipment asks the service. What
 * `parts` names is shipped anew once the service has confirmed, each part by itself; without its word it stays where it is.
 * The caller holds the pay order's lock. False: the shipment has ended, or somebody wanted that before.
 */
export async function wishCancel(
  tx: Tx,
  context: CoreContext,
  shipment: ShipmentRow,
  wish: {
    readonly intent: 'refund' | 'split';
    readonly reason: string;
    readonly actor: string;
    readonly parts: readonly { readonly id?: string; readonly lines: readonly PartLine[] }[];
  },
): Promise<boolean> {
  if (!(await setCancelIntent(tx, shipment.id, wish.intent, context.clock.now()))) return false;
  const cause = { actor: wish.actor, reason: wish.reason, scope: shipment.pay_order_id };
  await context.mover.note(tx, shipmentMachine, shipment, 'cancel_wished', cause);
  for (const { id, lines } of wish.parts) {
    if (lines.length > 0) await openPart(tx, context, { ...shipment, after: shipment.id }, { id, lines, ...cause });
  }
  return true;
}

/** A shipment of some pieces of an order. With `after` it starts when that one is given up, and never if it is not. */
export async function openPart(
  tx: Tx,
  context: CoreContext,
  of: { readonly order_id: string; readonly pay_order_id: string; readonly after?: string; readonly refundId?: string },
  part: {
    readonly id?: string | undefined;
    readonly lines: readonly PartLine[];
    readonly actor: string;
    readonly reason: string;
  },
): Promise<ShipmentRow> {
  const id = part.id ?? newId('shp', context.clock, context.random);
  const row = await context.mover.create<ShipmentRow, typeof shipmentMachine>(tx, shipmentMachine, {
    id,
    columns: {
      order_id: of.order_id,
      pay_order_id: of.pay_order_id,
      after_shipment: of.after ?? null,
      refund_id: of.refundId ?? null,
      created_at: context.clock.now(),
    },
    actor: part.actor,
    reason: part.reason,
    scope: of.pay_order_id,
  });
  await pack(tx, { id, order_id: of.order_id }, part.lines);
  if (of.after === undefined) tx.afterCommit(() => kickShipment(context, id));
  return row;
}

/** What of a shipment is left when some pieces of it are taken out; pieces that are not in it do not count. */
export async function restOf(tx: Tx, shipmentId: string, taken: ReadonlyMap<number, number>): Promise<PartLine[]> {
  return (await linesIn(tx, shipmentId))
    .map(({ lineNo, quantity }) => ({ lineNo, quantity: quantity - Math.min(quantity, taken.get(lineNo) ?? 0) }))
    .filter(({ quantity }) => quantity > 0);
}
