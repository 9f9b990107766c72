import type { CoreContext } from '../context.ts';
import type { Tx } from '../kernel/db/database.ts';
import { type Cause, type NextOf, readRow } from '../kernel/machine.ts';
import type { MoveInput } from '../kernel/mover.ts';
import { orderMachine } from '../orders/orders.machine.ts';
import { lockPayOrder } from '../payorders/payorders.ts';
import { linesOf, moneyOf, type UnclaimedLine } from '../refunds/claims.store.ts';
import { openRefund } from '../refunds/refunds.ts';
import { shareOf } from '../refunds/shares.ts';
import { backOnShelf } from '../refunds/shelf.ts';
import { type CodePieces, takeCodes } from '../stock/codes.ts';
import { shipmentMachine } from './fulfilment.machine.ts';
import type { ParcelView } from './fulfilment.port.ts';
import {
  captureOf,
  codePiecesIn,
  countDelivered,
  followersOf,
  isComplete,
  linesIn,
  makeDue,
  type ShipmentRow,
  setCodes,
} from './fulfilment.store.ts';

export type ParcelOutcome =
  | { readonly kind: 'applied' }
  /** It stood there already, or beyond. */
  | { readonly kind: 'known' }
  /** It contradicts an end that was reached: nothing moved. */
  | { readonly kind: 'conflict'; readonly reason: string };

type LiveState = 'F1' | 'F2';
type End = 'F3' | 'F4' | 'F5';

/** Moves a shipment to what the fulfilment service says, once, whoever brings the news. An end is never overwritten. */
export async function applyParcel(
  context: CoreContext,
  shipmentId: string,
  view: ParcelView,
  cause: Cause,
  inside?: Tx,
): Promise<ParcelOutcome> {
  const run = (tx: Tx): Promise<ParcelOutcome> => applyInside(context, tx, shipmentId, view, cause);
  return inside === undefined ? context.db.tx(run) : run(inside);
}

const TARGET = { accepted: 'F2', processing: 'F2', failed: 'F3', delivered: 'F4', cancelled: 'F5' } as const;

async function applyInside(
  context: CoreContext,
  tx: Tx,
  shipmentId: string,
  view: ParcelView,
  cause: Cause,
): Promise<ParcelOutcome> {
  const row = await readRow<ShipmentRow>(tx, shipmentMachine, shipmentId);
  if (row === null) return { kind: 'conflict', reason: `shipment ${shipmentId} is not ours` };
  if (view.state === 'none') return { kind: 'known' };
  const to = TARGET[view.state];
  if (row.state === to) return { kind: 'known' };
  if (row.state !== 'F1' && row.state !== 'F2') {
    // A late word of an earlier state is old news; another end than the one reached is a contradiction.
    return to === 'F2'
      ? { kind: 'known' }
      : { kind: 'conflict', reason: `it stands at ${row.state}, the service says ${view.state}` };
  }
  // An end decides about money: the pay order's lock comes first, for this and for the count of what is still to come.
  const [, moved] = await Promise.all([
    to === 'F2' ? null : lockPayOrder(tx, row.pay_order_id),
    moveTo(context, tx, row, row.state, to, view, cause),
  ]);
  if (moved === 'elsewhere') return applyInside(context, tx, shipmentId, view, cause);
  // A callback and a poll say it at once: what follows is for the one that moved it.
  if (moved === 'already') return { kind: 'known' };
  // As it stood when it moved: a wish to cancel may have been written while the lock was awaited.
  if (to !== 'F2') await ended(context, tx, moved, to, view);
  return { kind: 'applied' };
}

async function moveTo(
  context: CoreContext,
  tx: Tx,
  row: ShipmentRow,
  from: LiveState,
  to: 'F2' | End,
  view: ParcelView,
  cause: Cause,
): Promise<ShipmentRow | 'already' | 'elsewhere'> {
  if (from === 'F2') {
    if (to === 'F2') return 'already';
    const ended = await context.mover.move<ShipmentRow, typeof shipmentMachine, 'F2'>(
      tx,
      shipmentMachine,
      parcelMove(row, 'F2', to, view, cause),
    );
    return ended.kind === 'moved' ? ended.row : ended.kind;
  }
  const moved = await context.mover.move<ShipmentRow, typeof shipmentMachine, 'F1'>(
    tx,
    shipmentMachine,
    parcelMove(row, 'F1', to, view, cause),
  );
  return moved.kind === 'moved' ? moved.row : moved.kind;
}

/** The move to what the service says, with what it tells of the parcel; what a person corrected stays. */
export function parcelMove<From extends LiveState>(
  row: ShipmentRow,
  from: From,
  to: NextOf<typeof shipmentMachine, From>,
  view: ParcelView,
  cause: Cause,
): MoveInput<typeof shipmentMachine, From> {
  const codes = view.codes ?? row.codes;
  const told: Partial<ParcelView> = row.edited_at === null ? view : {};
  return {
    id: row.id,
    from,
    to,
    set: {
      carrier: told.carrier ?? row.carrier,
      tracking_no: told.trackingNo ?? row.tracking_no,
      codes: codes === null ? null : JSON.stringify(codes),
    },
    ...cause,
    reason: view.reason ?? cause.reason,
    evidence: view,
    scope: row.pay_order_id,
  };
}

/** O2, once nothing of the order is still to come and something has: what is dropped is refunded, and does not come. */
export async function fulfilIfComplete(
  context: CoreContext,
  tx: Tx,
  order: { readonly order_id: string; readonly pay_order_id: string },
): Promise<void> {
  if (!(await isComplete(tx, order.order_id))) return;
  await context.mover.move(tx, orderMachine, {
    id: order.order_id,
    from: 'O1',
    to: 'O2',
    actor: 'core',
    reason: 'every line is fulfilled',
    scope: order.pay_order_id,
  });
}

/** What follows from an end, once, in the transaction that reached it. */
async function ended(context: CoreContext, tx: Tx, row: ShipmentRow, to: End, view: ParcelView): Promise<void> {
  if (to === 'F4' && row.refund_id === null) {
    // Sent together; the second sees what the first has written.
    const [, , codes] = await Promise.all([
      countDelivered(tx, row),
      fulfilIfComplete(context, tx, row),
      codePiecesIn(tx, row.id),
    ]);
    if (codes.length > 0) await deliverCodes(context, tx, row, codes);
  }
  // Whoever asked for it to be given up decides what becomes of the pieces.
  const asked = to === 'F5' && row.cancel_intent !== null;
  if (row.cancel_intent !== null) await (asked ? wakeFollowers : dropFollowers)(context, tx, row);
  if (to === 'F3' || (to === 'F5' && !asked)) {
    await refundUndelivered(context, tx, row, { reason: view.reason ?? view.state, left: hasLeft(row, to, view) });
  }
}

/**
 * Codes of our own pool (卡密) are what was sold: those of the pieces in this parcel are delivered instead of what the
 * service made up, and also with goods for which it makes up none.
 */
async function deliverCodes(
  context: CoreContext,
  tx: Tx,
  row: ShipmentRow,
  pieces: readonly CodePieces[],
): Promise<void> {
  const ours = await takeCodes(tx, row.order_id, pieces, context.clock.now());
  await setCodes(
    tx,
    row.id,
    ours.flatMap(({ codes }) => codes),
  );
}

/** A shipment that waits for another starts once that one is given up. */
export async function wakeFollowers(context: CoreContext, tx: Tx, row: ShipmentRow): Promise<void> {
  for (const follower of await followersOf(tx, row.id)) await makeDue(tx, follower.id, context.clock.now());
}

/** What they were to carry has left with the one that they waited for. */
export async function dropFollowers(context: CoreContext, tx: Tx, row: ShipmentRow): Promise<void> {
  for (const follower of await followersOf(tx, row.id)) {
    await context.mover.move(tx, shipmentMachine, {
      id: follower.id,
      from: 'F0',
      to: 'F5',
      actor: 'core',
      reason: `shipment ${row.id} was not given up`,
      scope: row.pay_order_id,
    });
  }
}

/** A carrier has a parcel with a number: when that fails, the goods are somewhere, but not on our shelf. */
function hasLeft(row: ShipmentRow, to: End, view: ParcelView): boolean {
  return to === 'F3' && (view.trackingNo ?? row.tracking_no) !== null;
}

/**
 * Pieces that will not come are paid back through the shortest path, as far as no refund in flight speaks of them: that
 * one finds them without a shipment and goes on. What has not left is for sale again.
 */
async function refundUndelivered(
  context: CoreContext,
  tx: Tx,
  row: ShipmentRow,
  why: { readonly reason: string; readonly left: boolean },
): Promise<void> {
  const parcel = new Map((await linesIn(tx, row.id)).map((line) => [line.lineNo, line.quantity]));
  const lines = (await linesOf(tx, row.order_id)).flatMap((line) => undelivered(line, parcel, row.refund_id === null));
  if (lines.length === 0) return;
  const capture = await captureOf(tx, row.order_id);
  if (capture === null) throw new Error(`broken invariant: order ${row.order_id} was shipped unpaid`);
  const { amount, subsidy } = await moneyOf(tx, row.order_id, lines);
  const id = await openRefund(tx, context, {
    payOrderId: row.pay_order_id,
    orderId: row.order_id,
    ...capture,
    amount,
    subsidy,
    lines,
    cause: 'fulfilment_failed',
    reason: `fulfilment ended without delivery: ${why.reason}`,
    shipmentId: row.id,
  });
  if (!why.left) await backOnShelf(tx, context, { id, orderId: row.order_id, way: 'dropped' }, lines);
  await fulfilIfComplete(context, tx, row);
}

/** `first`: the pieces were to be delivered for the first time; an exchange's had been, and came back. */
function undelivered(line: UnclaimedLine, parcel: ReadonlyMap<number, number>, first: boolean) {
  const quantity = Math.min(parcel.get(line.line_no) ?? 0, line.quantity - line.claimed);
  if (quantity === 0) return [];
  return [{ ...shareOf(line, quantity), skuId: line.sku_id, dropped: first ? quantity : 0 }];
}
