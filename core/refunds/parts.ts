import type { CoreContext } from '../context.ts';
import type { Tx } from '../kernel/db/database.ts';
import { newId } from '../kernel/ids.ts';
import { lockPayOrder } from '../payorders/payorders.ts';
import { refundMachine } from './refunds.machine.ts';
import { type OtherPart, otherPartOf, type RefundRow, roomOf } from './refunds.store.ts';

/*
 * A refund of what was paid in two parts (预售): each channel gives back no more than it took, so what the balance's capture has
 * no room for goes back from the deposit's, as a refund of its own that follows it.
 */

/**
 * Just before the channel is asked: sizes a refund to its capture, and opens another of the deposit's for the rest, which is
 * owed and booked already; `kick` is told of it. Returns the amount that is left to this one, in minor units. Refunds of one capture keep theirs.
 */
export async function sizeToCapture(context: CoreContext, row: RefundRow, kick: (id: string) => void): Promise<number> {
  if ((await otherPartOf(context.db, row.capture_id)) === null) return row.amount;
  return context.db.tx(async (tx) => {
    await lockPayOrder(tx, row.pay_order_id);
    const other = await otherPartOf(tx, row.capture_id);
    const room = await roomOf(tx, row.capture_id, row.id);
    const rest = row.amount - room;
    if (other === null || rest <= 0) return row.amount;
    const id = await openRest(tx, context, row, other, rest);
    tx.afterCommit(() => kick(id));
    await tx.query({
      name: 'refund_sized',
      text: 'UPDATE core.refund SET amount = $2 WHERE id = $1 AND amount = $3',
      values: [row.id, room, row.amount],
    });
    return room;
  });
}

async function openRest(tx: Tx, context: CoreContext, row: RefundRow, other: OtherPart, rest: number): Promise<string> {
  if (rest > other.room) throw new Error(`broken invariant: refund ${row.id} has ${rest} more than both parts took`);
  const id = newId('ref', context.clock, context.random);
  await context.mover.create(tx, refundMachine, {
    id,
    state: 'R8',
    columns: {
      pay_order_id: other.payOrderId,
      order_id: row.order_id,
      capture_id: other.captureId,
      channel: other.channel,
      amount: rest,
      subsidy: 0,
      currency: row.currency,
      cause: 'deposit_part',
      owed: true,
      created_at: context.clock.now(),
    },
    actor: 'core',
    reason: `the rest of refund ${row.id}, which the deposit had paid`,
    scope: other.payOrderId,
  });
  return id;
}
