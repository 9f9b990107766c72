import type { CoreContext } from '../context.ts';
import { captureOf } from '../fulfilment/fulfilment.store.ts';
import type { Tx } from '../kernel/db/database.ts';
import { claimAndDrive, type Driver, type Step } from '../kernel/driver.ts';
import { orderMachine } from '../orders/orders.machine.ts';
import { giveUpUnpaid, lockPayOrder } from '../payorders/payorders.ts';
import { openRefund } from '../refunds/refunds.ts';
import { roomLockMachine } from './hotel.machine.ts';
import type { RoomView } from './hotel.port.ts';
import { orderOfStay, type RoomLockRow } from './hotel.store.ts';

type RoomStep = Promise<Step<RoomLockRow>>;

/** How long a lock whose order is still open waits beyond the order's deadline before it looks at it again. */
const LOOK_AGAIN_MS = 5 * 60_000;

/**
 * Brings a room from ASKED to LOCKED, and from RELEASING to RELEASED. No record at the hotel is no no: the request goes out
 * again under the same key. REFUSED only when the hotel says so; RELEASED only when it has put its tombstone.
 */
export const roomLockDriver: Driver<RoomLockRow, CoreContext> = {
  machine: roomLockMachine,
  scope: (row) => row.pay_order_id,
  async step(context, row, signal): RoomStep {
    switch (row.state) {
      case 'ASKED':
        return askForRoom(context, row, signal);
      case 'LOCKED':
        return watchUnpaid(context, row);
      case 'CONFIRMED':
        return watchStay(context, row);
      case 'RELEASING':
        return release(context, row, signal);
      default:
        return { kind: 'rest' };
    }
  },
};

export function driveRoom(context: CoreContext, id: string, signal: AbortSignal): Promise<unknown> {
  return claimAndDrive(roomLockDriver, context, id, signal);
}

export function kickRoom(context: CoreContext, id: string): void {
  context.background.kick('room', (signal) => driveRoom(context, id, signal));
}

async function askForRoom(context: CoreContext, row: RoomLockRow, signal: AbortSignal): RoomStep {
  let answer = row.tries === 0 ? null : await context.hotel.query(row.id, signal);
  if (answer === null || (answer.kind === 'ok' && answer.value.state === 'none')) {
    answer = await context.hotel.lock(
      {
        lockId: row.id,
        orderId: row.order_id,
        roomType: String(row.sku_id),
        rooms: row.rooms,
        checkIn: row.check_in,
        checkOut: row.check_out,
        guest: row.guest,
      },
      signal,
    );
  }
  if (answer.kind === 'unknown') return answer;
  if (answer.kind === 'refused') return refused(context, row, answer.reason, answer.evidence);
  switch (answer.value.state) {
    case 'none':
      return { kind: 'unknown', reason: 'the hotel has no record of what it was just asked', evidence: answer.value };
    case 'locked':
      return locked(context, row, answer.value);
    case 'refused':
    case 'released':
      return refused(context, row, answer.value.reason ?? `the hotel says ${answer.value.state}`, answer.value);
  }
}

async function locked(context: CoreContext, row: RoomLockRow, view: RoomView): RoomStep {
  const { expires_at } = await orderOfStay(context.db, row.order_id);
  await context.mover.move(context.db, roomLockMachine, {
    id: row.id,
    from: 'ASKED',
    to: 'LOCKED',
    set: { confirmation: view.confirmation ?? null },
    dueAt: new Date(expires_at.getTime() + LOOK_AGAIN_MS),
    actor: 'hotel',
    reason: 'the room is kept',
    evidence: view,
    scope: row.pay_order_id,
  });
  return { kind: 'moved' };
}

/** No room, no order: it closes by its own driver, as one whose time is up. */
async function refused(context: CoreContext, row: RoomLockRow, reason: string, evidence: unknown): RoomStep {
  await context.db.tx(async (tx) => {
    await lockPayOrder(tx, row.pay_order_id);
    const moved = await context.mover.move(tx, roomLockMachine, {
      id: row.id,
      from: 'ASKED',
      to: 'REFUSED',
      actor: 'hotel',
      reason,
      evidence,
      scope: row.pay_order_id,
    });
    if (moved.kind === 'moved') {
      await giveUpUnpaid(tx, row.pay_order_id, `the hotel has no room: ${reason}`, context.clock.now());
    }
  });
  return { kind: 'moved' };
}

/** Its order lets it go or is paid; one whose order has ended without either was left by a process that died. */
async function watchUnpaid(context: CoreContext, row: RoomLockRow): RoomStep {
  const now = context.clock.now();
  if (row.due_at !== null && row.due_at > now) return { kind: 'rest' };
  return context.db.tx(async (tx): RoomStep => {
    await lockPayOrder(tx, row.pay_order_id);
    const order = await orderOfStay(tx, row.order_id);
    if (order.state === 'O0') return { kind: 'wait', ms: LOOK_AGAIN_MS };
    await context.mover.move(tx, roomLockMachine, {
      id: row.id,
      from: 'LOCKED',
      to: 'RELEASING',
      actor: 'core',
      reason: `the order stands at ${order.state}`,
      scope: row.pay_order_id,
    });
    return { kind: 'moved' };
  });
}

/** The day of departure: the stay is what was bought, so the order is fulfilled. */
async function watchStay(context: CoreContext, row: RoomLockRow): RoomStep {
  const now = context.clock.now();
  if (row.due_at !== null && row.due_at > now) return { kind: 'wait', ms: row.due_at.getTime() - now.getTime() };
  await context.db.tx(async (tx) => {
    await lockPayOrder(tx, row.pay_order_id);
    const note = { actor: 'core', reason: 'the stay is over', scope: row.pay_order_id };
    const moved = await context.mover.move(tx, roomLockMachine, {
      ...note,
      id: row.id,
      from: 'CONFIRMED',
      to: 'STAYED',
    });
    if (moved.kind !== 'moved') return;
    await context.mover.move(tx, orderMachine, { ...note, id: row.order_id, from: 'O1', to: 'O2' });
  });
  return { kind: 'moved' };
}

async function release(context: CoreContext, row: RoomLockRow, signal: AbortSignal): RoomStep {
  const answer = await context.hotel.release(row.id, signal);
  if (answer.kind === 'unknown') return answer;
  if (answer.kind === 'refused')
    return { kind: 'unknown', reason: `release refused: ${answer.reason}`, evidence: answer };
  const view = answer.value;
  if (view.state !== 'released' && view.state !== 'refused') {
    return { kind: 'unknown', reason: `after release the hotel says ${view.state}`, evidence: view };
  }
  await context.db.tx(async (tx) => {
    await lockPayOrder(tx, row.pay_order_id);
    const moved = await context.mover.move(tx, roomLockMachine, {
      id: row.id,
      from: 'RELEASING',
      to: 'RELEASED',
      actor: 'hotel',
      reason: 'the hotel keeps nothing of it any more',
      evidence: view,
      scope: row.pay_order_id,
    });
    if (moved.kind === 'moved' && row.penalty !== null) await payBack(context, tx, row, row.penalty);
  });
  return { kind: 'moved' };
}

/** What a cancelled stay had cost, less its penalty (违约金), which is booked as forfeited. */
async function payBack(context: CoreContext, tx: Tx, row: RoomLockRow, penalty: number): Promise<void> {
  const [capture, order] = await Promise.all([captureOf(tx, row.order_id), orderOfStay(tx, row.order_id)]);
  if (capture === null) throw new Error(`broken invariant: the stay of order ${row.order_id} was kept unpaid`);
  await openRefund(tx, context, {
    payOrderId: row.pay_order_id,
    orderId: row.order_id,
    ...capture,
    amount: order.payable - penalty,
    subsidy: order.discount_amount,
    penalty,
    cause: 'stay_cancelled',
    reason: row.release_reason ?? 'the stay was cancelled',
  });
}
