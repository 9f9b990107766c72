import type { CoreContext } from '../context.ts';
import { whyNotPayable } from '../hotel/hotel.ts';
import { addMs } from '../kernel/clock.ts';
import type { Tx } from '../kernel/db/database.ts';
import { drive } from '../kernel/driver.ts';
import { catchRefusal, ok, type Refusal, RefusalError, type Result, refuse } from '../kernel/errors.ts';
import { newId } from '../kernel/ids.ts';
import { resourcesOf } from '../marketing/deductions.ts';
import { type Locked, lockPayOrder, type OrderOfPayOrder, ordersOf, type PayOrderRow } from '../payorders/payorders.ts';
import { holdUntil } from '../stock/stock.ts';
import { refuseBlocked } from '../users/users.ts';
import { paymentDriver } from './payments.driver.ts';
import { LIVE_PAYMENT_STATES, paymentMachine } from './payments.machine.ts';
import { attemptsOf, lapsingOrders, type PaymentRow } from './payments.store.ts';

/** What the shopper needs after pressing pay: where the attempt stands and where to go and pay. */
export interface PayStatus {
  readonly paymentId: string;
  readonly state: string;
  readonly payUrl: string | null;
  readonly failureReason: string | null;
}

export interface PayInput {
  readonly payOrderId: string;
  readonly channel: string;
}

/**
 * Pays a pay order at a channel: a new attempt, or the live one at the same channel when pay is pressed twice. Drives it
 * until the shopper can pay (P7), or it has ended, or the other side keeps us waiting; then a repair goes on.
 *
 * Refusals: `pay_order_unknown`, `channel_unknown`, `pay_order_closed` (cancelled, or its deadline has passed),
 * `user_blocked`, `payment_in_progress` (a live attempt at another channel, or one that is being cancelled), `sold_out` (the reservation
 * had expired and the goods are gone), `stage_not_open` (a balance before its deposit or its time), `room_not_locked` (the hotel has not answered yet).
 */
export async function pay(context: CoreContext, input: PayInput, signal: AbortSignal): Promise<Result<PayStatus>> {
  if (!context.channels.has(input.channel)) {
    const known = [...context.channels.keys()].join(', ');
    return refuse('channel_unknown', `There is no payment channel "${input.channel}". Known: ${known}.`);
  }
  const opened = await catchRefusal(() => context.db.tx((tx) => openAttempt(context, tx, input)));
  if (!opened.ok) return opened;
  if (!opened.value.fresh) return ok(statusOf(opened.value.row));
  const driven = await drive(paymentDriver, context, await opened.value.row, signal);
  return ok(statusOf(driven.row));
}

/** A fresh attempt is there when its transaction is committed. */
type Opened =
  | { readonly fresh: false; readonly row: PaymentRow }
  | { readonly fresh: true; readonly row: Promise<PaymentRow> };

/** Two turns to the database: what stands behind the pay order's lock, and then the attempt together with the commit. */
async function openAttempt(context: CoreContext, tx: Tx, input: PayInput): Promise<Opened> {
  const now = context.clock.now();
  const { reserveForMs, attemptForMs } = context.terms;
  const [payOrder, attempts, orders, lapsing] = await Promise.all([
    lockPayOrder(tx, input.payOrderId),
    attemptsOf(tx, input.payOrderId),
    ordersOf(tx, input.payOrderId),
    lapsingOrders(tx, input.payOrderId, addMs(now, attemptForMs), reserveForMs - attemptForMs),
  ]);
  if (payOrder === null) {
    throw new RefusalError(refuse('pay_order_unknown', `There is no pay order ${input.payOrderId}.`));
  }
  const success = attempts.find((a) => a.state === 'P8');
  if (success !== undefined) return { fresh: false, row: success };
  if (payOrder.blocked) throw new RefusalError(refuseBlocked(payOrder.user_id));
  const closed = whyClosed(payOrder, orders, now);
  if (closed !== null) throw new RefusalError(closed);
  const early = whyNotOpen(payOrder, now);
  if (early !== null) throw new RefusalError(early);
  if (orders.some((order) => order.type === 'hotel')) {
    const roomless = await whyNotPayable(tx, payOrder.id);
    if (roomless !== null) throw new RefusalError(roomless);
  }
  const live = attempts.find((a) => (LIVE_PAYMENT_STATES as readonly string[]).includes(a.state));
  if (live !== undefined) return joinLive(live, input.channel);

  const reservedUntil = addMs(now, reserveForMs);
  // Without coupon and points marketing was never asked, by no earlier attempt either.
  const marketingFirst = resourcesOf(payOrder).length > 0;
  const lacks = await Promise.all(lapsing.map((orderId) => holdUntil(tx, orderId, reservedUntil)));
  const lack = lacks.find((l) => l !== null);
  if (lack !== undefined && lack !== null) throw new RefusalError(lack);
  const attempt = { attemptNo: attempts.length + 1, channel: input.channel, marketingFirst };
  return { fresh: true, row: tx.withCommit(() => createAttempt(context, tx, payOrder, attempt)) };
}

function whyClosed(payOrder: PayOrderRow, orders: readonly OrderOfPayOrder[], now: Date): Refusal | null {
  if (orders.some((o) => o.state !== 'O0' || o.cancel_intent !== null)) {
    return refuse('pay_order_closed', `Pay order ${payOrder.id} is cancelled or being cancelled. Place a new order.`);
  }
  if (payOrder.expires_at <= now) {
    return refuse(
      'pay_order_closed',
      `Pay order ${payOrder.id} was to be paid until ${payOrder.expires_at.toISOString()}. Place a new order.`,
    );
  }
  return null;
}

/** A balance (尾款) is paid after its deposit, and from its time on. */
function whyNotOpen(payOrder: Locked, now: Date): Refusal | null {
  if (payOrder.stage !== 'balance') return null;
  if (payOrder.deposit?.paid_at == null) {
    return refuse('stage_not_open', `The deposit ${payOrder.first_id} of pay order ${payOrder.id} is paid first.`);
  }
  if (payOrder.opens_at === null || payOrder.opens_at <= now) return null;
  return refuse('stage_not_open', `Pay order ${payOrder.id} can be paid from ${payOrder.opens_at.toISOString()} on.`);
}

function joinLive(live: PaymentRow, channel: string): Opened {
  if (live.channel === channel && live.cancel_intent === null) return { fresh: false, row: live };
  throw new RefusalError(
    refuse(
      'payment_in_progress',
      `Attempt ${live.id} at ${live.channel} stands at ${live.state}; wait for its end, or pay there.`,
    ),
  );
}

/** The attempt goes at once to the state from which the outside is asked: P5, or P1 when marketing comes first. */
async function createAttempt(
  context: CoreContext,
  tx: Tx,
  payOrder: PayOrderRow,
  attempt: { readonly attemptNo: number; readonly channel: string; readonly marketingFirst: boolean },
): Promise<PaymentRow> {
  const now = context.clock.now();
  const expiresAt = new Date(Math.min(payOrder.expires_at.getTime(), addMs(now, context.terms.attemptForMs).getTime()));
  const direct = payOrder.payable > 0 ? (['P1', 'P2', 'P4', 'P5'] as const) : (['P1', 'P2', 'P4'] as const);
  return context.mover.create<PaymentRow, typeof paymentMachine>(tx, paymentMachine, {
    id: newId('pay', context.clock, context.random),
    onward: attempt.marketingFirst ? ['P1'] : direct,
    columns: {
      pay_order_id: payOrder.id,
      user_id: payOrder.user_id,
      attempt_no: attempt.attemptNo,
      channel: attempt.channel,
      currency: payOrder.currency,
      amount: payOrder.payable,
      expires_at: expiresAt,
      created_at: now,
    },
    actor: 'shop',
    reason: 'pay was pressed',
    scope: payOrder.id,
  });
}

function statusOf(row: PaymentRow): PayStatus {
  return { paymentId: row.id, state: row.state, payUrl: row.pay_url, failureReason: row.failure_reason };
}
