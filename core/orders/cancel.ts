import type { CoreContext } from '../context.ts';
import { cancelStay } from '../hotel/hotel.ts';
import { claimAndDrive } from '../kernel/driver.ts';
import { ok, type Result, refuse } from '../kernel/errors.ts';
import { readRow } from '../kernel/machine.ts';
import { type OrderRow, orderDriver, recordIntent } from './orders.driver.ts';
import { orderMachine } from './orders.machine.ts';

export interface Cancelled {
  readonly orderId: string;
  readonly state: string;
  /** The intent is recorded; the order closes when the payment is closed at the channel, or is refunded if money came first. */
  readonly cancelling: boolean;
}

/**
 * Cancels an unpaid order, and with it the whole pay order. The intent is committed first; then the live attempt is
 * closed at the channel. When the money was faster the order is paid, and refunded by itself.
 *
 * A paid hotel stay is cancelled here too, until it begins: by its policy a penalty is kept, and the rest is paid back once
 * the hotel has let the room go.
 *
 * Refusals: `order_unknown`, `wrong_state` (paid orders go back through a refund).
 */
export async function cancelOrder(
  context: CoreContext,
  orderId: string,
  reason: string,
  signal: AbortSignal,
): Promise<Result<Cancelled>> {
  const row = await readRow<OrderRow>(context.db, orderMachine, orderId);
  if (row === null) return refuse('order_unknown', `There is no order ${orderId}.`);
  if (row.state === 'O4') return ok({ orderId, state: 'O4', cancelling: false });
  const recorded = await context.db.tx((tx) => recordIntent(context, tx, row.pay_order_id, 'user', reason));
  if (!recorded) {
    if (row.type === 'hotel') return cancelPaidStay(context, orderId, reason);
    const now = await readRow<OrderRow>(context.db, orderMachine, orderId);
    if (now?.state === 'O4') return ok({ orderId, state: 'O4', cancelling: false });
    return refuse(
      'wrong_state',
      `Order ${orderId} stands at ${now?.state ?? row.state}: only an unpaid order is cancelled; a paid one goes back through a refund.`,
    );
  }
  await claimAndDrive(orderDriver, context, orderId, signal);
  const after = await readRow<OrderRow>(context.db, orderMachine, orderId);
  const state = after?.state ?? row.state;
  return ok({ orderId, state, cancelling: state === 'O0' });
}

async function cancelPaidStay(context: CoreContext, orderId: string, reason: string): Promise<Result<Cancelled>> {
  const stay = await cancelStay(context, orderId, reason);
  if (!stay.ok) return stay;
  const after = await readRow<OrderRow>(context.db, orderMachine, orderId);
  const state = after?.state ?? 'O1';
  return ok({ orderId, state, cancelling: state === 'O1' });
}
