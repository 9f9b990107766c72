import type { CoreContext } from '../context.ts';
import { releaseUnpaid } from '../hotel/hotel.ts';
import type { Tx } from '../kernel/db/database.ts';
import { claimAndDrive, type Driver, type Step } from '../kernel/driver.ts';
import { type MachineRow, readRow } from '../kernel/machine.ts';
import { releaseCoupon } from '../marketing/coupon-use.ts';
import { kickRollbacks, unsettledDeductions } from '../marketing/deductions.ts';
import { releasePoints } from '../marketing/points.ts';
import { endDeposit } from '../payments/deposit.ts';
import { paymentDriver } from '../payments/payments.driver.ts';
import { LIVE_PAYMENT_STATES } from '../payments/payments.machine.ts';
import { attemptsOfStages, type PaymentRow, setCancelIntent } from '../payments/payments.store.ts';
import { lockPayOrder, ordersOf } from '../payorders/payorders.ts';
import { release } from '../stock/stock.ts';
import { lockPieces } from '../stock/together.ts';
import { orderMachine } from './orders.machine.ts';

export interface OrderRow extends MachineRow {
  readonly pay_order_id: string;
  readonly user_id: number;
  readonly cancel_intent: 'user' | 'timeout' | null;
  readonly cancel_reason: string | null;
  readonly expires_at: Date;
  readonly type: string;
}

/** How soon, and how late at most, to look again while an attempt is being brought to its end. */
const UNWIND_MS = 1_000;
const UNWIND_LATEST_MS = 15_000;

/**
 * The order's own clock: an unpaid order past its deadline, or one somebody wants to cancel, is closed; one that was
 * received long ago is completed. Cancelling is an intent first. It is done when no attempt is live, the trade is closed
 * at the channel and marketing holds nothing, so that no money can arrive for an order that is gone unnoticed.
 */
export const orderDriver: Driver<OrderRow, CoreContext> = {
  machine: orderMachine,
  scope: (row) => row.pay_order_id,
  async step(context, row, signal): Promise<Step<OrderRow>> {
    switch (row.state) {
      case 'O0':
        return unwindUnpaid(context, row, signal);
      case 'O2':
      case 'O3':
      case 'O4':
        return complete(context, row, row.state);
      default:
        return { kind: 'rest' };
    }
  },
};

async function unwindUnpaid(context: CoreContext, row: OrderRow, signal: AbortSignal): Promise<Step<OrderRow>> {
  const now = context.clock.now();
  if (row.cancel_intent === null && row.expires_at > now) {
    return { kind: 'wait', ms: row.expires_at.getTime() - now.getTime() };
  }
  const intent = row.cancel_intent ?? 'timeout';
  const recorded = await context.db.tx((tx) =>
    recordIntent(context, tx, row.pay_order_id, intent, row.cancel_reason ?? 'unpaid at its deadline'),
  );
  // The row was stale: it is paid, or has got more time, as an order has whose deposit has just come.
  if (!recorded) return { kind: 'wait', ms: UNWIND_MS };
  // It is written now: go on with the row as it stands.
  if (row.cancel_intent === null) return { kind: 'moved' };

  const attempts = await attemptsOfStages(context.db, row.pay_order_id);
  const live = attempts.find(isLive);
  if (live !== undefined) {
    // What unwinds has a back-off of its own, or waits for a person: asking past it would be a storm on who is away.
    if (isDue(live, context.clock.now())) await claimAndDrive(paymentDriver, context, live.id, signal);
    const after = (await attemptsOfStages(context.db, row.pay_order_id)).find(isLive);
    if (after !== undefined) return { kind: 'wait', ms: untilDue(after, context.clock.now()) };
  }
  const held = (await unsettledDeductions(context.db, row.pay_order_id)).filter((d) => d.state !== 'DEDUCTED');
  if (held.length > 0) {
    const at = context.clock.now();
    kickRollbacks(
      context,
      held.filter((d) => isDue(d, at)).map((d) => d.id),
    );
    return { kind: 'wait', ms: Math.min(...held.map((d) => untilDue(d, at))) };
  }
  if (row.type === 'hotel') {
    const ms = await releaseUnpaid(context, row.pay_order_id, row.cancel_reason ?? 'unpaid at its deadline', signal);
    if (ms !== null) return { kind: 'wait', ms: Math.min(ms, UNWIND_LATEST_MS) };
  }
  const closed = await context.db.tx((tx) => closeUnpaid(context, tx, row.pay_order_id));
  return closed ? { kind: 'moved' } : { kind: 'wait', ms: UNWIND_MS };
}

function isLive(attempt: PaymentRow): boolean {
  return (LIVE_PAYMENT_STATES as readonly string[]).includes(attempt.state);
}

function isDue(row: MachineRow, now: Date): boolean {
  return row.due_at !== null && row.due_at <= now;
}

function untilDue(row: MachineRow, now: Date): number {
  const ms = row.due_at === null ? UNWIND_LATEST_MS : row.due_at.getTime() - now.getTime();
  return Math.min(UNWIND_LATEST_MS, Math.max(UNWIND_MS, ms));
}

/**
 * Writes down, on every order and the live attempt of the pay order, that it shall go: a pay order is cancelled as a
 * whole while it is unpaid. The first intent stands, but the shopper's replaces the time-out's: goods paid for at the last
 * moment are shipped to one who was late, never to one who was told that the order is being cancelled. Whether the time is up is
 * decided behind the lock: a deposit that came meanwhile has given the order until its balance is due. Returns false when it
 * is not all unpaid any more, or none of it shall go.
 */
export async function recordIntent(
  context: CoreContext,
  tx: Tx,
  payOrderId: string,
  intent: 'user' | 'timeout',
  reason: string,
): Promise<boolean> {
  const payOrder = await lockPayOrder(tx, payOrderId);
  const orders = await ordersOf(tx, payOrderId);
  if (payOrder === null || orders.some((o) => o.state !== 'O0')) return false;
  const now = context.clock.now();
  const written = await tx.query({
    name: 'orders_cancel_intent',
    text: `UPDATE core.orders SET cancel_intent = $2, cancel_reason = $3, due_at = $4, version = version + 1
      WHERE pay_order_id = $1 AND state = 'O0'
        AND (cancel_intent IS NULL OR ($2 = 'user' AND cancel_intent = 'timeout'))
        AND ($2 = 'user' OR expires_at <= $4) RETURNING id`,
    values: [payOrderId, intent, reason, now],
  });
  if (written.length === 0 && orders.every((o) => o.cancel_intent === null)) return false;
  await setCancelIntent(tx, payOrderId, intent, now);
  return true;
}

/** Closes all orders of an unpaid pay order and gives back what they held. The lock keeps a pay or a capture out. */
async function closeUnpaid(context: CoreContext, tx: Tx, payOrderId: string): Promise<boolean> {
  const payOrder = await lockPayOrder(tx, payOrderId);
  if (payOrder === null) throw new Error(`broken invariant: pay order ${payOrderId} vanished`);
  const [attempts, orders] = await Promise.all([attemptsOfStages(tx, payOrderId), ordersOf(tx, payOrderId)]);
  const undecided = attempts.some((a) => isLive(a) || (a.state === 'P8' && payOrder.stage === 'full'));
  // A deposit that came at the last moment has taken the time-out back.
  if (undecided || orders.some((o) => o.state !== 'O0' || o.cancel_intent === null)) return false;
  // Before the stock, as placing an order takes them: so that the two do not wait for each other.
  await releaseCoupon(tx, payOrderId);
  await releasePoints(tx, payOrderId);
  if (orders.length > 1) {
    await lockPieces(
      tx,
      orders.map((order) => order.id),
    );
  }
  for (const order of orders) {
    const row = await readRow<OrderRow>(tx, orderMachine, order.id);
    await context.mover.move(tx, orderMachine, {
      id: order.id,
      from: 'O0',
      to: 'O4',
      actor: order.cancel_intent === 'user' ? 'shop' : 'core',
      reason: row?.cancel_reason ?? 'unpaid at its deadline',
      scope: payOrderId,
    });
    await release(tx, order.id);
    if (payOrder.stage === 'deposit') await endDeposit(context, tx, payOrder, order.id);
  }
  return true;
}

async function complete(context: CoreContext, row: OrderRow, from: 'O2' | 'O3' | 'O4'): Promise<Step<OrderRow>> {
  const now = context.clock.now();
  if (row.due_at !== null && row.due_at > now) return { kind: 'wait', ms: row.due_at.getTime() - now.getTime() };
  await context.mover.move(context.db, orderMachine, {
    id: row.id,
    from,
    to: 'O5',
    actor: 'core',
    reason: from === 'O2' ? 'received without complaint for 7 days' : 'closed for 7 days',
    scope: row.pay_order_id,
  });
  return { kind: 'moved' };
}
