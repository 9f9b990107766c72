import type { CoreContext } from '../context.ts';
import { addMs } from '../kernel/clock.ts';
import type { Tx } from '../kernel/db/database.ts';
import { claimAndDrive, type Driver, drive, type Step } from '../kernel/driver.ts';
import { newId } from '../kernel/ids.ts';
import { type Cause, readRow } from '../kernel/machine.ts';
import { lockPayOrder } from '../payorders/payorders.ts';
import { shipmentMachine } from './fulfilment.machine.ts';
import type { InitParcel, ParcelView } from './fulfilment.port.ts';
import { followersOf, packWholeOrder, parcelOf, type ShipmentRow, setCancelRefused } from './fulfilment.store.ts';
import { applyParcel, dropFollowers, type ParcelOutcome, parcelMove, wakeFollowers } from './parcel.ts';

/** How often a shipment that is under way is asked for when no callback comes. */
const POLL_MS = 15_000;

/** What a shipment is made of, read along with its opening, for the one who asks for it a moment later. */
const readAlong = new WeakMap<ShipmentRow, InitParcel>();

/**
 * Opens the shipment of a paid order, in the transaction that paid it, and asks the fulfilment service once that is
 * committed. It goes at once to the state from which the service is asked, and takes that state's lease.
 */
export async function openShipment(
  tx: Tx,
  context: CoreContext,
  of: { readonly orderId: string; readonly payOrderId: string },
): Promise<void> {
  const id = newId('shp', context.clock, context.random);
  const opening = context.mover.create<ShipmentRow, typeof shipmentMachine>(tx, shipmentMachine, {
    id,
    onward: ['F1'],
    columns: { order_id: of.orderId, pay_order_id: of.payOrderId, created_at: context.clock.now() },
    actor: 'core',
    reason: 'the order is paid',
    scope: of.payOrderId,
  });
  const [row, parcel] = await Promise.all([opening, packWholeOrder(tx, { id, order_id: of.orderId })]);
  readAlong.set(row, parcel);
  tx.afterCommit(() => context.background.kick('shipment', (signal) => drive(shipmentDriver, context, row, signal)));
}

/** Brings a shipment from F0 to its end. F1 is written before the fulfilment service is asked. */
export const shipmentDriver: Driver<ShipmentRow, CoreContext> = {
  machine: shipmentMachine,
  scope: (row) => row.pay_order_id,
  async step(context, row, signal): Promise<Step<ShipmentRow>> {
    switch (row.state) {
      case 'F0':
        return start(context, row);
      case 'F1':
        return isToCancel(row) ? askCancel(context, row, signal) : askInit(context, row, signal);
      case 'F2':
        if (isToCancel(row)) return askCancel(context, row, signal);
        // Entered a moment ago: the callback is faster than the poll.
        if (row.due_at !== null && row.due_at > context.clock.now()) return { kind: 'rest' };
        return poll(context, row, signal);
      default:
        return { kind: 'rest' };
    }
  },
};

function isToCancel(row: ShipmentRow): boolean {
  return row.cancel_intent !== null && !row.cancel_refused;
}

async function start(context: CoreContext, row: ShipmentRow): Promise<Step<ShipmentRow>> {
  const why = await whyNotStarted(context, row);
  if (typeof why === 'number') return { kind: 'wait', ms: why };
  if (why !== null) {
    await endUnasked(context, row, why);
    return { kind: 'moved' };
  }
  const moved = await context.mover.move<ShipmentRow, typeof shipmentMachine, 'F0'>(context.db, shipmentMachine, {
    id: row.id,
    from: 'F0',
    to: 'F1',
    actor: 'core',
    reason: 'the fulfilment service is asked',
    scope: row.pay_order_id,
  });
  return moved.row === null ? { kind: 'rest' } : { kind: 'moved', row: moved.row };
}

/** How soon to look again whether the shipment that this one follows was given up. */
const FOLLOW_MS = 1_000;

/** Null: it may start. A text: why it never will. A number: milliseconds to wait for the one that it follows. */
async function whyNotStarted(context: CoreContext, row: ShipmentRow): Promise<string | number | null> {
  if (row.cancel_intent !== null) return 'given up before the service was asked';
  if (row.after_shipment === null) return null;
  const before = await readRow<ShipmentRow>(context.db, shipmentMachine, row.after_shipment);
  if (before === null) throw new Error(`broken invariant: shipment ${row.after_shipment} vanished`);
  if (before.state === 'F5') return null;
  if (before.state === 'F3' || before.state === 'F4' || before.cancel_refused) {
    return `shipment ${before.id} was not given up`;
  }
  return FOLLOW_MS;
}

/** F5 of a shipment that the service never heard of: nobody need be asked. */
async function endUnasked(context: CoreContext, row: ShipmentRow, reason: string): Promise<void> {
  await context.db.tx(async (tx) => {
    await lockPayOrder(tx, row.pay_order_id);
    const moved = await context.mover.move(tx, shipmentMachine, {
      id: row.id,
      from: 'F0',
      to: 'F5',
      actor: 'core',
      reason,
      scope: row.pay_order_id,
    });
    if (moved.kind === 'moved') await wakeFollowers(context, tx, row);
  });
  await kickFollowers(context, row.id);
}

/** The service may still be packing: its word that the shipment is cancelled leaves a tombstone, so that a late request is refused. */
async function askCancel(context: CoreContext, row: ShipmentRow, signal: AbortSignal): Promise<Step<ShipmentRow>> {
  const answer = await context.fulfilment.cancel(row.id, signal);
  if (answer.kind === 'unknown') return answer;
  if (answer.kind === 'ok' && answer.value.state === 'none') {
    return { kind: 'unknown', reason: 'the fulfilment service left no tombstone', evidence: answer.value };
  }
  if (answer.kind === 'refused' || answer.value.state === 'accepted' || answer.value.state === 'processing') {
    await cancelRefused(context, row, answer.kind === 'ok' ? answer.value : null);
    return { kind: 'moved' };
  }
  const outcome = await applyParcel(context, row.id, answer.value, { actor: 'fulfilment', reason: 'asked to cancel' });
  await kickFollowers(context, row.id);
  return applied(outcome);
}

/** It travels on, and with it all that was in it. */
async function cancelRefused(context: CoreContext, row: ShipmentRow, view: ParcelView | null): Promise<void> {
  const cause = { actor: 'fulfilment', reason: 'too late to cancel', evidence: view };
  await context.db.tx(async (tx) => {
    await lockPayOrder(tx, row.pay_order_id);
    if (row.state === 'F1') {
      const told = view ?? { shipmentId: row.id, state: 'processing' };
      await context.mover.move(tx, shipmentMachine, parcelMove(row, 'F1', 'F2', told, cause));
    }
    const refused = await setCancelRefused(tx, row.id, addMs(context.clock.now(), POLL_MS));
    if (refused === null) return;
    await context.mover.note(tx, shipmentMachine, refused, 'cancel_refused', { ...cause, scope: row.pay_order_id });
    await dropFollowers(context, tx, row);
  });
}

async function kickFollowers(context: CoreContext, id: string): Promise<void> {
  for (const follower of await followersOf(context.db, id)) kickShipment(context, follower.id);
}

export function kickShipment(context: CoreContext, id: string): void {
  context.background.kick('shipment', (signal) => claimAndDrive(shipmentDriver, context, id, signal));
}

async function askInit(context: CoreContext, row: ShipmentRow, signal: AbortSignal): Promise<Step<ShipmentRow>> {
  let answer = row.tries === 0 ? null : await context.fulfilment.query(row.id, signal);
  // No record there is not a no: the request may still be on its way, so it goes out again under the same key.
  if (answer === null || (answer.kind === 'ok' && answer.value.state === 'none')) {
    answer = await context.fulfilment.init(readAlong.get(row) ?? (await parcelOf(context.db, row)), signal);
  }
  if (answer.kind === 'unknown') return answer;
  if (answer.kind === 'refused') {
    return applied(
      await applyParcel(context, row.id, { shipmentId: row.id, state: 'failed', reason: answer.reason }, byAsking),
    );
  }
  if (answer.value.state === 'none') {
    return { kind: 'unknown', reason: 'the fulfilment service has no record of what it was just asked' };
  }
  if (answer.value.state === 'accepted' || answer.value.state === 'processing') {
    const moved = await context.mover.move<ShipmentRow, typeof shipmentMachine, 'F1'>(
      context.db,
      shipmentMachine,
      parcelMove(row, 'F1', 'F2', answer.value, byAsking),
    );
    if (moved.kind === 'moved') return moved;
  }
  return applied(await applyParcel(context, row.id, answer.value, byAsking));
}

async function poll(context: CoreContext, row: ShipmentRow, signal: AbortSignal): Promise<Step<ShipmentRow>> {
  const answer = await context.fulfilment.query(row.id, signal);
  if (answer.kind === 'unknown') return answer;
  if (answer.kind === 'refused') return { kind: 'unknown', reason: `the query was refused: ${answer.reason}` };
  if (answer.value.state === 'none') {
    return {
      kind: 'unknown',
      reason: 'the fulfilment service has lost a shipment that it had accepted',
      evidence: answer.value,
    };
  }
  if (answer.value.state === 'accepted' || answer.value.state === 'processing') return { kind: 'wait', ms: POLL_MS };
  return applied(await applyParcel(context, row.id, answer.value, byAsking));
}

const byAsking: Cause = { actor: 'fulfilment', reason: 'its answer' };

function applied(outcome: ParcelOutcome): Step<ShipmentRow> {
  return outcome.kind === 'conflict' ? { kind: 'person', reason: outcome.reason } : { kind: 'moved' };
}
