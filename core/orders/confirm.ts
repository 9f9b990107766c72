import type { CoreContext } from '../context.ts';
import { ok, type Result, refuse } from '../kernel/errors.ts';
import { readRow } from '../kernel/machine.ts';
import type { OrderRow } from './orders.driver.ts';
import { orderMachine } from './orders.machine.ts';

/**
 * The shopper has received everything (确认收货): O2→O5, before the 7 days would do it. Confirming twice confirms once.
 *
 * Refuses: `order_unknown`, `wrong_state` (not all of it is delivered, or it went back).
 */
export async function confirmOrder(
  context: CoreContext,
  actor: string,
  orderId: string,
): Promise<Result<{ readonly orderId: string; readonly state: string }>> {
  const row = await readRow<OrderRow>(context.db, orderMachine, orderId);
  if (row === null) return refuse('order_unknown', `There is no order ${orderId}.`);
  const moved = await context.mover.move<OrderRow, typeof orderMachine, 'O2'>(context.db, orderMachine, {
    id: orderId,
    from: 'O2',
    to: 'O5',
    actor,
    reason: 'the shopper has received it',
    scope: row.pay_order_id,
  });
  const state = moved.row?.state ?? row.state;
  if (moved.kind !== 'elsewhere') return ok({ orderId, state });
  return refuse('wrong_state', `Order ${orderId} stands at ${state}: only what is delivered is received.`);
}
