import type { CoreContext } from '../context.ts';
import { openShipment } from '../fulfilment/fulfilment.ts';
import { addMs } from '../kernel/clock.ts';
import type { Tx } from '../kernel/db/database.ts';
import * as booking from '../ledger/booking.ts';
import { post } from '../ledger/ledger.ts';
import { orderMachine } from '../orders/orders.machine.ts';
import { type Locked, markPaid, type OrderOfPayOrder, ordersOf } from '../payorders/payorders.ts';
import { holdUntil, take } from '../stock/stock.ts';
import { captureMachine } from './payments.machine.ts';
import { attemptsOf, type CaptureRow } from './payments.store.ts';

/**
 * A late capture pays its order after all (迟到支付复活, policy `revive`): O4 → O1 with its stock reserved again, in the caller's
 * transaction, behind the pay order's lock. Returns false, and has written nothing, where that cannot be: then it is refunded.
 *
 * It cannot be where the shopper wanted out, where another attempt has paid, where a part of a presale or a room is at stake,
 * and where marketing had paid a part: its tombstone under the attempt's key says that it never will again.
 */
export async function revive(context: CoreContext, tx: Tx, payOrder: Locked, capture: CaptureRow): Promise<boolean> {
  const [orders, attempts] = await Promise.all([ordersOf(tx, payOrder.id), attemptsOf(tx, payOrder.id)]);
  if (whyNot(payOrder, capture, orders) !== null || attempts.some((a) => a.state === 'P8')) return false;
  if (!(await reserveAgain(context, tx, orders))) return false;
  const now = context.clock.now();
  const note = { actor: 'core', reason: 'paid late, and its stock was still there', scope: payOrder.id };
  await context.mover.move(tx, captureMachine, { ...note, id: capture.id, from: 'LATE', to: 'REVIVED' });
  const revived = booking.lateCaptureRevived({
    reference: capture.id,
    payOrderId: payOrder.id,
    reason: note.reason,
    currency: capture.currency,
    amount: capture.amount,
    subsidy: 0,
    orders: orders.map((o) => ({ orderId: o.id, amount: o.payable })),
  });
  await Promise.all([markPaid(tx, payOrder.id, now), post(tx, context.clock, revived)]);
  for (const order of orders) {
    const moved = await context.mover.move(tx, orderMachine, { ...note, id: order.id, from: 'O4', to: 'O1' });
    if (moved.kind !== 'moved') throw new Error(`broken invariant: order ${order.id} left O4 under its lock`);
    await openShipment(tx, context, { orderId: order.id, payOrderId: payOrder.id });
  }
  return true;
}

function whyNot(payOrder: Locked, capture: CaptureRow, orders: readonly OrderOfPayOrder[]): string | null {
  if (payOrder.late_capture !== 'revive') return 'it is refunded by policy';
  if (payOrder.paid_at !== null || payOrder.stage !== 'full') return 'it is paid, or paid in parts';
  if (payOrder.discount > 0) return 'marketing had paid a part';
  if (capture.amount !== payOrder.payable || capture.currency !== payOrder.currency) return 'it is another sum';
  const closed = orders.every((o) => o.state === 'O4' && o.cancel_intent !== 'user' && o.type !== 'hotel');
  return closed && orders.length > 0 ? null : 'it is wanted no more, or not closed';
}

/** All orders of it or none: what is held for the first is let go by the rollback to the savepoint. */
async function reserveAgain(context: CoreContext, tx: Tx, orders: readonly OrderOfPayOrder[]): Promise<boolean> {
  const until = addMs(context.clock.now(), context.terms.reserveForMs);
  await tx.query({ text: 'SAVEPOINT revival' });
  for (const order of orders) {
    if ((await holdUntil(tx, order.id, until)) === null && (await take(tx, order.id))) continue;
    await tx.query({ text: 'ROLLBACK TO SAVEPOINT revival' });
    return false;
  }
  return true;
}
