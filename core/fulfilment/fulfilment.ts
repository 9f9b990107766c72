import type { CoreContext } from '../context.ts';
import type { Tx } from '../kernel/db/database.ts';
import { type Driver, drive, type Step } from '../kernel/driver.ts';
import { newId } from '../kernel/ids.ts';
import { type Cause, type NextOf, readRow } from '../kernel/machine.ts';
import type { MoveInput } from '../kernel/mover.ts';
import { orderMachine } from '../orders/orders.machine.ts';
import { lockPayOrder } from '../payorders/payorders.ts';
import { openRefund } from '../refunds/refunds.ts';
import { putBack } from '../stock/stock.ts';
import { shipmentMachine } from './fulfilment.machine.ts';
import type { InitParcel, ParcelView } from './fulfilment.port.ts';
import {
  countDelivered,
  packWholeOrder,
  paidShareOf,
  parcelOf,
  type ShipmentRow,
  undeliveredOf,
} from './fulfilment.store.ts';

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
        return askInit(context, row, signal);
      case 'F2':
        // Entered a moment ago: the callback is faster than the poll.
        if (row.due_at !== null && row.due_at > context.clock.now()) return { kind: 'rest' };
        return poll(context, row, signal);
      default:
        return { kind: 'rest' };
    }
  },
};

async function start(context: CoreContext, row: ShipmentRow): Promise<Step<ShipmentRow>> {
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

export type ParcelOutcome =
  | { readonly kind: 'applied' }
  /** It stood there already, or beyond. */
  | { readonly kind: 'known' }
  /** It contradicts an end that was reached: nothing moved. */
  | { readonly kind: 'conflict'; readonly reason: string };

type LiveState = 'F1' | 'F2';

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
  const moved = await moveTo(context, tx, row, row.state, to, view, cause);
  if (moved === 'elsewhere') return applyInside(context, tx, shipmentId, view, cause);
  // A callback and a poll say it at once: what follows is for the one that moved it.
  if (moved === 'already') return { kind: 'known' };
  if (to === 'F4') {
    await countDelivered(tx, row.id);
    await fulfilIfComplete(context, tx, row);
  }
  if (to === 'F3' || to === 'F5') {
    await refundUnshipped(context, tx, row, view.reason ?? view.state);
    if (to === 'F5' || !hasLeft(row, view)) await putBack(tx, row.order_id);
  }
  return { kind: 'applied' };
}

async function moveTo(
  context: CoreContext,
  tx: Tx,
  row: ShipmentRow,
  from: LiveState,
  to: 'F2' | 'F3' | 'F4' | 'F5',
  view: ParcelView,
  cause: Cause,
): Promise<'moved' | 'already' | 'elsewhere'> {
  if (from === 'F1') {
    return (await context.mover.move(tx, shipmentMachine, parcelMove(row, 'F1', to, view, cause))).kind;
  }
  if (to === 'F2') return 'already';
  return (await context.mover.move(tx, shipmentMachine, parcelMove(row, 'F2', to, view, cause))).kind;
}

/** The move to what the service says, with what it tells of the parcel. */
function parcelMove<From extends LiveState>(
  row: ShipmentRow,
  from: From,
  to: NextOf<typeof shipmentMachine, From>,
  view: ParcelView,
  cause: Cause,
): MoveInput<typeof shipmentMachine, From> {
  const codes = view.codes ?? row.codes;
  return {
    id: row.id,
    from,
    to,
    set: {
      carrier: view.carrier ?? row.carrier,
      tracking_no: view.trackingNo ?? row.tracking_no,
      codes: codes === null ? null : JSON.stringify(codes),
    },
    ...cause,
    reason: view.reason ?? cause.reason,
    evidence: view,
    scope: row.pay_order_id,
  };
}

async function fulfilIfComplete(context: CoreContext, tx: Tx, row: ShipmentRow): Promise<void> {
  if ((await undeliveredOf(tx, row.order_id)) !== 0) return;
  await context.mover.move(tx, orderMachine, {
    id: row.order_id,
    from: 'O1',
    to: 'O2',
    actor: 'core',
    reason: 'every shipment is delivered',
    scope: row.pay_order_id,
  });
}

/** A carrier has a parcel with a number: when that fails, the goods are somewhere, but not on our shelf. */
function hasLeft(row: ShipmentRow, view: ParcelView): boolean {
  return (view.trackingNo ?? row.tracking_no) !== null;
}

/** Goods that will not come are paid back through the shortest path. */
async function refundUnshipped(context: CoreContext, tx: Tx, row: ShipmentRow, reason: string): Promise<void> {
  await lockPayOrder(tx, row.pay_order_id);
  const share = await paidShareOf(tx, row.order_id);
  if (share === null) throw new Error(`broken invariant: order ${row.order_id} was shipped unpaid`);
  await openRefund(tx, context, {
    payOrderId: row.pay_order_id,
    orderId: row.order_id,
    ...share,
    cause: 'fulfilment_failed',
    reason: `fulfilment ended without delivery: ${reason}`,
  });
}
