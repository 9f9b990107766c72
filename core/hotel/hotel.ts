import type { CoreContext } from '../context.ts';
import type { Tx } from '../kernel/db/database.ts';
import { drive } from '../kernel/driver.ts';
import { ok, type Result, refuse } from '../kernel/errors.ts';
import { newId } from '../kernel/ids.ts';
import type { Cause } from '../kernel/machine.ts';
import { lockPayOrder } from '../payorders/payorders.ts';
import { driveRoom, kickRoom, roomLockDriver } from './hotel.driver.ts';
import { roomLockMachine } from './hotel.machine.ts';
import { lockOfOrder, locksOf, orderOfStay, type RoomLockRow } from './hotel.store.ts';

/** A stay as an order asks for it. */
export interface Stay {
  /** Days of the calendar where the hotel stands: `2026-11-11`; at least one night. */
  readonly checkIn: string;
  readonly checkOut: string;
  readonly guest: string;
  /** What cancelling costs (取消政策): nothing until `freeUntil`, then a share of what was paid. Without it, nothing. */
  readonly cancellation?: { readonly freeUntil: string; readonly penaltyPercent: number } | undefined;
}

const DAY_MS = 24 * 3_600_000;

/** When a day begins. The hotel's own clock is not known here; what needs its hour is said as a time (`freeUntil`). */
export function startOf(day: string): Date {
  return new Date(`${day}T00:00:00.000Z`);
}

export function nightsOf({ checkIn, checkOut }: Pick<Stay, 'checkIn' | 'checkOut'>): number {
  return Math.round((startOf(checkOut).getTime() - startOf(checkIn).getTime()) / DAY_MS);
}

export interface OpenRoom {
  readonly orderId: string;
  readonly payOrderId: string;
  readonly skuId: number;
  readonly rooms: number;
  readonly stay: Stay;
}

/** Writes down that a room is asked for, in the transaction that places the order, and asks the hotel after its commit. */
export async function openRoom(tx: Tx, context: CoreContext, room: OpenRoom): Promise<void> {
  const { stay } = room;
  const row = await context.mover.create<RoomLockRow, typeof roomLockMachine>(tx, roomLockMachine, {
    id: newId('room', context.clock, context.random),
    columns: {
      order_id: room.orderId,
      pay_order_id: room.payOrderId,
      sku_id: room.skuId,
      rooms: room.rooms,
      check_in: stay.checkIn,
      check_out: stay.checkOut,
      guest: stay.guest,
      free_until: stay.cancellation?.freeUntil ?? null,
      penalty_percent: stay.cancellation?.penaltyPercent ?? 0,
      created_at: context.clock.now(),
    },
    actor: 'core',
    reason: 'the order asks for it',
    scope: room.payOrderId,
  });
  tx.afterCommit(() => context.background.kick('room', (signal) => drive(roomLockDriver, context, row, signal)));
}

/** Why a pay order's room does not let it be paid, or null. Read behind the pay order's lock. */
export async function whyNotPayable(tx: Tx, payOrderId: string): Promise<ReturnType<typeof refuse> | null> {
  const open = (await locksOf(tx, payOrderId)).find((lock) => lock.state !== 'LOCKED');
  if (open === undefined) return null;
  if (open.state === 'ASKED') {
    return refuse(
      'room_not_locked',
      'The hotel has not confirmed the room yet; nothing was charged. Pay in a moment.',
      {
        meta: { retryAfterMs: 1_000 },
      },
    );
  }
  return refuse('pay_order_closed', `The room of pay order ${payOrderId} is not kept any more. Place a new order.`);
}

/** The order is paid: the room is kept until the stay is over. False when it is not locked: then there is nothing to sell. */
export async function confirmRoom(context: CoreContext, tx: Tx, orderId: string, cause: Cause): Promise<boolean> {
  const lock = await lockOfOrder(tx, orderId);
  if (lock === null) return false;
  const moved = await context.mover.move(tx, roomLockMachine, {
    ...cause,
    id: lock.id,
    from: 'LOCKED',
    to: 'CONFIRMED',
    dueAt: startOf(lock.check_out),
    scope: lock.pay_order_id,
  });
  return moved.kind === 'moved';
}

/**
 * Lets a room go that is not, or no longer, to be paid for: RELEASING is written in the caller's transaction, and the hotel
 * is told by whoever drives it after the commit. `penalty`: minor units kept of what was paid, the rest goes back when the room is free.
 */
export async function letGo(
  context: CoreContext,
  tx: Tx,
  lock: RoomLockRow,
  { reason, actor, penalty }: { readonly reason: string; readonly actor: string; readonly penalty: number | null },
): Promise<boolean> {
  if (lock.state !== 'ASKED' && lock.state !== 'LOCKED' && lock.state !== 'CONFIRMED') return false;
  const moved = await context.mover.move(tx, roomLockMachine, {
    id: lock.id,
    from: lock.state,
    to: 'RELEASING',
    set: { release_reason: reason, penalty },
    actor,
    reason,
    scope: lock.pay_order_id,
  });
  return moved.kind === 'moved';
}

/**
 * Before an unpaid order closes: its room is released at the hotel, with a tombstone there. The caller has recorded the
 * intent, so nobody can pay any more. Returns null when the hotel keeps nothing, else the milliseconds to look again.
 */
export async function releaseUnpaid(
  context: CoreContext,
  payOrderId: string,
  reason: string,
  signal: AbortSignal,
): Promise<number | null> {
  const going = await context.db.tx(async (tx) => {
    await lockPayOrder(tx, payOrderId);
    const locks = await locksOf(tx, payOrderId);
    for (const lock of locks) {
      const paid = lock.state === 'CONFIRMED' || lock.state === 'STAYED';
      if (!paid) await letGo(context, tx, lock, { reason, actor: 'core', penalty: null });
    }
    return locks.map(({ id }) => id);
  });
  for (const id of going) await driveRoom(context, id, signal);
  const left = (await locksOf(context.db, payOrderId)).filter((lock) => lock.state === 'RELEASING');
  if (left.length === 0) return null;
  const now = context.clock.now().getTime();
  return Math.min(...left.map(({ due_at }) => Math.max(1_000, (due_at?.getTime() ?? now + 15_000) - now)));
}

/** What cancelling a paid stay costs now: a share of what was paid, rounded in the guest's favour. Minor units. */
export function penaltyOf(lock: Pick<RoomLockRow, 'free_until' | 'penalty_percent'>, paid: number, now: Date): number {
  if (lock.free_until === null || now < lock.free_until) return 0;
  return Number((BigInt(paid) * BigInt(lock.penalty_percent)) / 100n);
}

export interface CancelledStay {
  readonly orderId: string;
  /** Minor units of the order's currency that are kept. */
  readonly penalty: number;
}

/**
 * Cancels a paid stay (退订): the penalty of this moment is written down, the hotel lets the room go, and what is left is
 * paid back. Asked twice it stands as the first time.
 *
 * Refuses: `wrong_state` when the stay has begun, is over, was never paid for, or is being refunded otherwise.
 */
export async function cancelStay(
  context: CoreContext,
  orderId: string,
  reason: string,
): Promise<Result<CancelledStay>> {
  return context.db.tx(async (tx): Promise<Result<CancelledStay>> => {
    const seen = await lockOfOrder(tx, orderId);
    if (seen === null) return refuse('wrong_state', `Order ${orderId} has no room.`);
    await lockPayOrder(tx, seen.pay_order_id);
    const [lock, order] = await Promise.all([lockOfOrder(tx, orderId), orderOfStay(tx, orderId)]);
    if (lock === null) throw new Error(`broken invariant: the room of order ${orderId} vanished`);
    if (lock.penalty !== null) return ok({ orderId, penalty: lock.penalty });
    const now = context.clock.now();
    if (lock.state !== 'CONFIRMED' || order.state !== 'O1' || now >= startOf(lock.check_in)) {
      return refuse('wrong_state', `The stay of order ${orderId} from ${lock.check_in} is ${lock.state}; it stays so.`);
    }
    if (order.refunding) {
      return refuse('wrong_state', `A refund of order ${orderId} is under way or done: nothing is left to pay back.`);
    }
    const penalty = penaltyOf(lock, order.payable, now);
    await letGo(context, tx, lock, { reason, actor: 'shop', penalty });
    tx.afterCommit(() => kickRoom(context, lock.id));
    return ok({ orderId, penalty });
  });
}
