import type { CoreContext } from '../context.ts';
import { openShipment } from '../fulfilment/fulfilment.ts';
import { kickRoom } from '../hotel/hotel.driver.ts';
import { lockOfOrder } from '../hotel/hotel.store.ts';
import { confirmRoom, letGo } from '../hotel/hotel.ts';
import { addMs } from '../kernel/clock.ts';
import type { Tx } from '../kernel/db/database.ts';
import { newId } from '../kernel/ids.ts';
import type { Cause } from '../kernel/machine.ts';
import * as booking from '../ledger/booking.ts';
import { post } from '../ledger/ledger.ts';
import { spendCoupon } from '../marketing/coupon-use.ts';
import { deductionsOfAttempt } from '../marketing/deductions.ts';
import { spendPoints } from '../marketing/points.ts';
import { orderMachine } from '../orders/orders.machine.ts';
import {
  lockPayOrderOf,
  markPaid,
  type OrderOfPayOrder,
  ordersPaidBy,
  type PayOrderRow,
} from '../payorders/payorders.ts';
import { openRefund } from '../refunds/refunds.ts';
import { holdUntil, release, take } from '../stock/stock.ts';
import { lockPieces } from '../stock/together.ts';
import { applyDeposit, takeDeposit } from './deposit.ts';
import { kickLateCapture } from './late.ts';
import { captureMachine, paymentMachine } from './payments.machine.ts';
import { type CaptureRow, findCapture, lockAttempt, type PaymentRow } from './payments.store.ts';

/** What a channel says it took, from a callback, a query or a close. Amount in minor units. */
export interface PaidTrade {
  readonly transactionId: string;
  readonly amount: number;
  readonly currency: string;
}

export type CaptureOutcome =
  /** The pay order is paid by it. */
  | { readonly kind: 'applied'; readonly from: 'P5' | 'P7' }
  /** It came after the attempt's end: booked to suspense, to be refunded. */
  | { readonly kind: 'late' }
  /** It was booked before. */
  | { readonly kind: 'known' }
  /** It is not what we asked for: nothing moved. */
  | { readonly kind: 'mismatch'; readonly reason: string };

/** What a capture is judged by, as it stands behind the pay order's lock. */
export interface Standing {
  readonly payOrder: PayOrderRow;
  readonly payment: PaymentRow;
  readonly orders: readonly OrderOfPayOrder[];
  /** The channel's transaction, when it is booked already. */
  readonly known: CaptureRow | null;
}

/**
 * Locks the pay order of an attempt, then the attempt, and reads what stands behind the locks, in one go: the locks'
 * statements run first, and those behind them see what they waited for. The pay order's comes first in every transaction
 * about its money, so that they queue up instead of deadlocking. Null: there is no such attempt.
 */
export async function readStanding(
  tx: Tx,
  paymentId: string,
  channel: string,
  transactionId: string,
): Promise<Standing | null> {
  const [payOrder, payment, orders, known] = await Promise.all([
    lockPayOrderOf(tx, paymentId),
    lockAttempt(tx, paymentId),
    ordersPaidBy(tx, paymentId),
    findCapture(tx, channel, transactionId),
  ]);
  if (payment === null) return null;
  if (payOrder === null) throw new Error(`broken invariant: payment ${paymentId} has no pay order`);
  return { payOrder, payment, orders, known };
}

/**
 * Books a capture, once, whoever brings it: the attempt succeeds, the pay order and its orders are paid, the stock is
 * taken, the ledger is posted and the shipments are opened, in the caller's one transaction. A capture of an attempt that
 * has already ended is booked to suspense and refunded by itself; it is never dropped and never applied twice.
 *
 * Refuses (as `mismatch`) another amount or currency than the attempt's, and a trade that was never asked for.
 */
export async function applyCapture(
  context: CoreContext,
  tx: Tx,
  attempt: PaymentRow,
  paid: PaidTrade,
  cause: Cause,
): Promise<CaptureOutcome> {
  const standing = await readStanding(tx, attempt.id, attempt.channel, paid.transactionId);
  if (standing === null) throw new Error(`broken invariant: payment ${attempt.id} vanished`);
  const outcome = judgeCapture(standing, paid);
  await bookCapture(context, tx, standing, outcome, paid, cause);
  return outcome;
}

/**
 * An attempt of which nothing is left for the channel succeeds at P4, with a capture of 0. Returns false, and writes
 * nothing, when it must not any more: somebody wants it gone, or marketing is taking back what paid for it.
 */
export async function applyFree(context: CoreContext, tx: Tx, attempt: PaymentRow, cause: Cause): Promise<boolean> {
  const paid = { transactionId: `none:${attempt.id}`, amount: 0, currency: attempt.currency };
  const [standing, deductions] = await Promise.all([
    readStanding(tx, attempt.id, attempt.channel, paid.transactionId),
    deductionsOfAttempt(tx, attempt.id),
  ]);
  if (standing === null) throw new Error(`broken invariant: payment ${attempt.id} vanished`);
  const { payment } = standing;
  if (payment.amount !== 0) throw new Error(`broken invariant: payment ${payment.id} is not free: ${payment.amount}`);
  if (payment.state !== 'P4') return true;
  if (payment.cancel_intent !== null || deductions.some((d) => d.state !== 'DEDUCTED')) return false;
  await succeed(context, tx, { ...standing, paid, cause }, 'P4');
  return true;
}

/** What a capture comes to. Decides only: nothing is written. */
export function judgeCapture({ payment, known }: Standing, paid: PaidTrade): CaptureOutcome {
  if (known !== null) return sameCapture(known, payment, paid);
  const mismatch = whyNotOurs(payment, paid);
  if (mismatch !== null) return { kind: 'mismatch', reason: mismatch };
  switch (payment.state) {
    case 'P5':
    case 'P7':
      return { kind: 'applied', from: payment.state };
    case 'P6':
    case 'P8':
    case 'P9':
    case 'P10':
    case 'P11':
      return { kind: 'late' };
    default:
      return { kind: 'mismatch', reason: `the channel was not asked for it yet (state ${payment.state})` };
  }
}

/** Writes what `judgeCapture` decided, in the transaction whose lock it was decided behind. */
export async function bookCapture(
  context: CoreContext,
  tx: Tx,
  standing: Standing,
  outcome: CaptureOutcome,
  paid: PaidTrade,
  cause: Cause,
): Promise<void> {
  if (outcome.kind === 'applied') await succeed(context, tx, { ...standing, paid, cause }, outcome.from);
  if (outcome.kind === 'late') await bookLate(context, tx, standing.payment, paid, cause);
}

function sameCapture(known: CaptureRow, payment: PaymentRow, paid: PaidTrade): CaptureOutcome {
  if (known.payment_id === payment.id && known.amount === paid.amount && known.currency === paid.currency) {
    return { kind: 'known' };
  }
  return {
    kind: 'mismatch',
    reason: `transaction ${paid.transactionId} is booked for ${known.payment_id} with ${known.amount} ${known.currency}`,
  };
}

function whyNotOurs(payment: PaymentRow, paid: PaidTrade): string | null {
  if (paid.currency !== payment.currency || paid.amount !== payment.amount) {
    return `asked for ${payment.amount} ${payment.currency}, the channel says ${paid.amount} ${paid.currency}`;
  }
  return null;
}

interface Success extends Standing {
  readonly paid: PaidTrade;
  readonly cause: Cause;
}

async function succeed(context: CoreContext, tx: Tx, success: Success, from: 'P4' | 'P5' | 'P7'): Promise<void> {
  const { payOrder, payment, orders, paid, cause } = success;
  const note = { ...cause, scope: payOrder.id };
  const deposit = payOrder.stage === 'deposit';
  const captureId = newId('cap', context.clock, context.random);
  const orderIds = orders.map((order) => order.id);
  // Sent together: none depends on another's answer, and a failure of any ends the transaction.
  const [moved, , , , , , , ...fates] = await Promise.all([
    context.mover.move(tx, paymentMachine, { id: payment.id, from, to: 'P8', ...note }),
    context.mover.create(tx, captureMachine, {
      id: captureId,
      columns: captureColumns(payment, paid, 'effective', context.clock.now()),
      dueAt: null,
      ...note,
    }),
    markPaid(tx, payOrder.id, context.clock.now()),
    post(
      tx,
      context.clock,
      booking.capture({
        reference: captureId,
        payOrderId: payOrder.id,
        reason: `payment ${payment.id} succeeded`,
        channel: payment.channel,
        currency: payment.currency,
        cash: paid.amount,
        subsidy: payOrder.discount,
        stage: deposit ? 'deposit' : 'full',
        orders: orders.map((o) => ({
          orderId: o.id,
          // A part of a presale is what it asks for: the rest of the order is booked with the deposit that is applied.
          amount: payOrder.stage === 'full' ? o.payable + o.discount_amount : payOrder.payable,
        })),
      }),
    ),
    payOrder.coupon_code === null ? Promise.resolve() : spendCoupon(tx, payOrder.id),
    payOrder.points === 0 ? Promise.resolve() : spendPoints(tx, context, payOrder),
    orders.length === 1 ? Promise.resolve() : lockPieces(tx, orderIds),
    ...(deposit ? [] : orders.map((order) => payOneOrder(context, tx, order, note))),
  ]);
  if (moved.kind !== 'moved') throw new Error(`broken invariant: payment ${payment.id} left ${from} under its lock`);
  const paidPart = { payOrder, payment, captureId, note };
  for (const [i, order] of orders.entries()) {
    if (deposit) {
      await takeDeposit(context, tx, order, paidPart);
      continue;
    }
    if (payOrder.stage === 'balance') await applyDeposit(context, tx, order, paidPart);
    await startOrStop(context, tx, {
      order,
      payOrderId: payOrder.first_id ?? payOrder.id,
      fate: fates[i] ?? 'no_stock',
      captureId,
      payment,
    });
  }
}

/** What becomes of a paid order: it is shipped, or refunded because the shopper wanted out or its stock is gone. */
type Fate = 'ships' | 'cancelled' | 'no_stock';

const WHY_STOPPED = {
  cancelled: 'cancelled before the capture arrived',
  no_stock: 'captured when its stock was gone',
} as const;

async function payOneOrder(context: CoreContext, tx: Tx, order: OrderOfPayOrder, note: Cause): Promise<Fate> {
  const cancelled = order.cancel_intent === 'user';
  const [moved, taken] = await Promise.all([
    context.mover.move(tx, orderMachine, { id: order.id, from: 'O0', to: 'O1', ...note }),
    // What will not be shipped is not taken: nobody would bring it back.
    cancelled ? release(tx, order.id) : take(tx, order.id, order.lines === 1),
  ]);
  if (moved.kind !== 'moved') throw new Error(`broken invariant: order ${order.id} was closed under a live attempt`);
  const fate = cancelled ? 'cancelled' : taken || (await takeAgain(context, tx, order.id)) ? 'ships' : 'no_stock';
  return order.type === 'hotel' ? keepRoom(context, tx, order.id, fate, note) : fate;
}

/** A room is kept when its order goes on, and let go when that is refunded. `no_stock`, too, when it is not locked any more. */
async function keepRoom(context: CoreContext, tx: Tx, orderId: string, fate: Fate, note: Cause): Promise<Fate> {
  if (fate === 'ships') return (await confirmRoom(context, tx, orderId, note)) ? fate : 'no_stock';
  const lock = await lockOfOrder(tx, orderId);
  if (lock !== null) {
    // The order's own refund pays back, so the room owes nothing.
    await letGo(context, tx, lock, { reason: WHY_STOPPED[fate], actor: 'core', penalty: null });
    tx.afterCommit(() => kickRoom(context, lock.id));
  }
  return fate;
}

/** The reservation had expired: what is still on hand is taken, and what lacks is said, so that the order is refunded. */
async function takeAgain(context: CoreContext, tx: Tx, orderId: string): Promise<boolean> {
  const lack = await holdUntil(tx, orderId, addMs(context.clock.now(), context.terms.reserveForMs));
  if (lack === null) return take(tx, orderId);
  await release(tx, orderId);
  return false;
}

interface PaidOrder {
  readonly order: OrderOfPayOrder;
  /** The order's own: of a balance, its deposit. */
  readonly payOrderId: string;
  readonly fate: Fate;
  readonly captureId: string;
  readonly payment: PaymentRow;
}

/** A paid order is shipped, unless its stock is gone or the shopper wanted out before the money came: then it is refunded. */
async function startOrStop(context: CoreContext, tx: Tx, paidOrder: PaidOrder): Promise<void> {
  const { order, payment, fate } = paidOrder;
  if (fate === 'ships') {
    // A stay is not shipped: the hotel's confirmation is the voucher, and it is over on the day of departure.
    if (order.type === 'hotel') return;
    void tx.withCommit(() => openShipment(tx, context, { orderId: order.id, payOrderId: paidOrder.payOrderId }));
    return;
  }
  await openRefund(tx, context, {
    payOrderId: paidOrder.payOrderId,
    orderId: order.id,
    captureId: paidOrder.captureId,
    channel: payment.channel,
    currency: payment.currency,
    amount: order.payable,
    subsidy: order.discount_amount,
    cause: fate,
    reason: WHY_STOPPED[fate],
  });
}

async function bookLate(
  context: CoreContext,
  tx: Tx,
  payment: PaymentRow,
  paid: PaidTrade,
  cause: Cause,
): Promise<void> {
  const id = newId('cap', context.clock, context.random);
  await context.mover.create(tx, captureMachine, {
    id,
    state: 'LATE',
    columns: captureColumns(payment, paid, 'late', context.clock.now()),
    ...cause,
    reason: `${cause.reason}; the attempt stood at ${payment.state}`,
    scope: payment.pay_order_id,
  });
  const late = booking.lateCapture({
    reference: id,
    payOrderId: payment.pay_order_id,
    reason: `captured after ${payment.state}`,
    channel: payment.channel,
    currency: payment.currency,
    amount: paid.amount,
  });
  await post(tx, context.clock, late);
  tx.afterCommit(() => kickLateCapture(context, id));
}

function captureColumns(
  payment: PaymentRow,
  paid: PaidTrade,
  kind: 'effective' | 'late',
  now: Date,
): Record<string, unknown> {
  return {
    pay_order_id: payment.pay_order_id,
    payment_id: payment.id,
    channel: payment.channel,
    channel_transaction: paid.transactionId,
    amount: paid.amount,
    currency: paid.currency,
    kind,
    created_at: now,
  };
}
