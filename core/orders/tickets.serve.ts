import type { CoreContext } from '../context.ts';
import type { Tx } from '../kernel/db/database.ts';
import { ticketMachine } from './tickets.machine.ts';

/** The ticket ends in this order, in the transaction that writes it. False: it has ended before. */
export async function serveTicket(
  ctx: Pick<CoreContext, 'mover'>,
  tx: Tx,
  ticketId: string,
  payOrderId: string,
): Promise<boolean> {
  const moved = await ctx.mover.move(tx, ticketMachine, {
    id: ticketId,
    from: 'QUEUED',
    to: 'PLACED',
    set: { pay_order_id: payOrderId },
    actor: 'core',
    reason: 'its turn came',
    scope: payOrderId,
  });
  return moved.kind === 'moved';
}
