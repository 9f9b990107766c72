import type { CoreContext } from '../context.ts';
import { sha256 } from '../kernel/canonical.ts';
import type { Tx } from '../kernel/db/database.ts';
import { catchRefusal, type Refusal, RefusalError, type Result, refuse } from '../kernel/errors.ts';
import { readRow } from '../kernel/machine.ts';
import { lockPayOrder } from '../payorders/payorders.ts';
import { linesOf, type UnclaimedLine } from '../refunds/claims.store.ts';
import { openPart, restOf, wishCancel } from './cancel.ts';
import { shipmentMachine } from './fulfilment.machine.ts';
import {
  assignedOf,
  correctParcel,
  linesIn,
  liveShipmentsOf,
  orderOfShipments,
  type PartLine,
  type ShipmentRow,
} from './fulfilment.store.ts';
import { kickShipment } from './fulfilment.ts';

export interface ShipmentView {
  readonly shipment: ShipmentRow;
  readonly lines: readonly PartLine[];
}

/**
 * Ships some pieces of a paid order in a shipment of their own (部分发货). Pieces that lie in no shipment go at once. Pieces
 * of a shipment that is under way are taken out of it: it is cancelled by an intent, and two shipments follow it once the
 * service has confirmed, the part and the rest; if it is too late, both are dropped and it travels on.
 *
 * `key` makes the shipment's id, so the same request sent again answers the first shipment.
 *
 * Refuses: `order_unknown`; `wrong_state` (not paid, or the pieces are delivered, refunded, alone in their shipment, or
 * not together in one); `invalid_request` (no such line, a line twice); `idempotency_key_reused`.
 */
export async function shipPart(
  context: CoreContext,
  actor: string,
  wish: { readonly orderId: string; readonly lines: readonly PartLine[]; readonly key: string },
): Promise<Result<ShipmentView>> {
  const { orderId, lines } = wish;
  const id = `shp_${sha256(`${orderId}:${wish.key}`).slice(0, 26)}`;
  const order = await orderOfShipments(context.db, orderId);
  if (order === null) return refuse('order_unknown', `No order has the number ${orderId}.`);
  return catchRefusal(() =>
    context.db.tx(async (tx) => {
      await lockPayOrder(tx, order.pay_order_id);
      const known = await readRow<ShipmentRow>(tx, shipmentMachine, id);
      if (known !== null) return answerKnown(tx, known, lines);
      const now = await orderOfShipments(tx, orderId);
      if (now?.state !== 'O1') {
        throw refused('wrong_state', `Order ${orderId} stands at ${now?.state}: only paid orders have pieces to ship.`);
      }
      demandLines(await linesOf(tx, orderId), lines);
      const cause = { id, lines, actor, reason: `${actor} ships a part` };
      if (await liesOnShelf(tx, orderId, lines)) await openPart(tx, context, now, cause);
      else await takeOut(tx, context, orderId, cause);
      const made = await readRow<ShipmentRow>(tx, shipmentMachine, id);
      if (made === null) throw new Error(`broken invariant: shipment ${id} was not made`);
      return { shipment: made, lines };
    }),
  );
}

async function answerKnown(tx: Tx, known: ShipmentRow, lines: readonly PartLine[]): Promise<ShipmentView> {
  const first = await linesIn(tx, known.id);
  const same = first.length === lines.length && first.every((l) => lines.some((w) => isSame(l, w)));
  if (!same) throw refused('idempotency_key_reused', 'This Idempotency-Key shipped other pieces of the order.');
  return { shipment: known, lines: first };
}

function isSame(a: PartLine, b: PartLine): boolean {
  return a.lineNo === b.lineNo && a.quantity === b.quantity;
}

function demandLines(present: readonly UnclaimedLine[], lines: readonly PartLine[]): void {
  const errors = lines.flatMap(({ lineNo }, i) => {
    if (!present.some((line) => line.line_no === lineNo)) {
      return [{ path: `lines.${i}.lineNo`, message: `the order has no line ${lineNo}` }];
    }
    const twice = lines.findIndex((line) => line.lineNo === lineNo) < i;
    return twice ? [{ path: `lines.${i}.lineNo`, message: 'is named twice' }] : [];
  });
  if (errors.length > 0) {
    throw new RefusalError(refuse('invalid_request', `The lines do not fit: ${errors[0]?.message}.`, { errors }));
  }
}

/** Whether all these pieces are neither delivered nor dropped nor in any shipment. */
async function liesOnShelf(tx: Tx, orderId: string, lines: readonly PartLine[]): Promise<boolean> {
  const [present, assigned] = [await linesOf(tx, orderId), await assignedOf(tx, orderId)];
  return lines.every(({ lineNo, quantity }) => {
    const line = present.find((l) => l.line_no === lineNo);
    return line !== undefined && quantity <= line.quantity - line.shipped - line.dropped - (assigned.get(lineNo) ?? 0);
  });
}

async function takeOut(
  tx: Tx,
  context: CoreContext,
  orderId: string,
  part: { readonly id: string; readonly lines: readonly PartLine[]; readonly actor: string; readonly reason: string },
): Promise<void> {
  const wanted = new Map(part.lines.map((line) => [line.lineNo, line.quantity]));
  for (const shipment of await liveShipmentsOf(tx, orderId)) {
    // One that waits for another carries pieces that may still travel on in that one.
    if (shipment.cancel_intent !== null || waits(shipment)) continue;
    const inside = new Map((await linesIn(tx, shipment.id)).map((line) => [line.lineNo, line.quantity]));
    if (part.lines.some((line) => (inside.get(line.lineNo) ?? 0) < line.quantity)) continue;
    const rest = await restOf(tx, shipment.id, wanted);
    if (rest.length === 0) throw refused('wrong_state', `These pieces are shipment ${shipment.id} already.`);
    const parts = [{ id: part.id, lines: part.lines }, { lines: rest }];
    await wishCancel(tx, context, shipment, { intent: 'split', reason: part.reason, actor: part.actor, parts });
    tx.afterCommit(() => kickShipment(context, shipment.id));
    return;
  }
  throw refused(
    'wrong_state',
    `Order ${orderId} has no shipment that holds all these pieces and may be split now; ship them line by line, or wait until the split under way is done.`,
  );
}

function waits(shipment: ShipmentRow): boolean {
  return shipment.state === 'F0' && shipment.after_shipment !== null;
}

/**
 * Corrects carrier and tracking number of a shipment, if it is still as it was read: `version` is the one that was read,
 * and every change makes a new one. So a correction that was sent again late never undoes a newer one (ABA).
 *
 * Refuses: `shipment_unknown`; `stale_revision` with the present `version`; `wrong_state` (never sent, or given up).
 */
export async function correctTracking(
  context: CoreContext,
  actor: string,
  edit: {
    readonly orderId: string;
    readonly shipmentId: string;
    readonly version: number;
    readonly carrier: string;
    readonly trackingNo: string;
  },
): Promise<Result<ShipmentView>> {
  const { shipmentId, orderId, version } = edit;
  return catchRefusal(() =>
    context.db.tx(async (tx) => {
      const row = await correctParcel(tx, { ...edit, id: shipmentId }, context.clock.now());
      if (row === null || row.order_id !== orderId) throw await whyNotCorrected(tx, { shipmentId, orderId, version });
      await context.mover.note(tx, shipmentMachine, row, 'corrected', {
        actor,
        reason: `${actor} corrected carrier and tracking number`,
        evidence: { carrier: edit.carrier, trackingNo: edit.trackingNo, version },
        scope: row.pay_order_id,
      });
      return { shipment: row, lines: await linesIn(tx, shipmentId) };
    }),
  );
}

async function whyNotCorrected(
  tx: Tx,
  edit: { readonly shipmentId: string; readonly orderId: string; readonly version: number },
): Promise<RefusalError> {
  const row = await readRow<ShipmentRow>(tx, shipmentMachine, edit.shipmentId);
  if (row === null || row.order_id !== edit.orderId) {
    return refused('shipment_unknown', `Order ${edit.orderId} has no shipment ${edit.shipmentId}.`);
  }
  if (row.version !== edit.version) {
    return new RefusalError(
      refuse('stale_revision', `The shipment was changed since you read it: it is at version ${row.version}.`, {
        meta: { version: row.version },
      }),
    );
  }
  return refused('wrong_state', `Shipment ${row.id} stands at ${row.state}: it has no parcel.`);
}

function refused(code: Refusal['code'], detail: string): RefusalError {
  return new RefusalError(refuse(code, detail));
}
