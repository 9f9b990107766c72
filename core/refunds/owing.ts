import type { CoreContext } from '../context.ts';
import type { Tx } from '../kernel/db/database.ts';
import * as booking from '../ledger/booking.ts';
import { post } from '../ledger/ledger.ts';
import { clawBack, undoClawBack } from '../marketing/returns.ts';
import type { RefundRow } from './refunds.store.ts';

/*
 * A refund is owed from the moment that nothing stands between it and the money any more: at once where nothing is to
 * be returned, else when the goods are back. Closed without money afterwards, it is withdrawn.
 */

/**
 * Books what a refund owes, unless it is booked, and returns it as it is then. What a penalty keeps is forfeited to the
 * platform; points that the order had earned go back, and what of them was spent already is withheld from the cash.
 */
export async function bookOwed(tx: Tx, context: CoreContext, row: RefundRow, reason: string): Promise<RefundRow> {
  if (row.owed || row.kind === 'exchange') return row;
  const withheld = await withheldFrom(tx, context, row);
  const owed: RefundRow = { ...row, owed: true, withheld, amount: row.amount - withheld };
  const fact = factOf(row, reason, await roundOf(tx, row));
  await post(tx, context.clock, booking.refundAsked(asked(owed, fact)));
  if (row.penalty > 0) {
    await post(tx, context.clock, booking.penalty({ ...fact, currency: row.currency, amount: row.penalty }));
  }
  await tx.query({
    name: 'refund_owed',
    text: 'UPDATE core.refund SET owed = true, amount = $2, withheld = $3 WHERE id = $1',
    values: [row.id, owed.amount, withheld],
  });
  return owed;
}

async function withheldFrom(tx: Tx, context: CoreContext, row: RefundRow): Promise<number> {
  if (row.order_id === null) return 0;
  const { id, pay_order_id: payOrderId, order_id: orderId, amount: cash, currency } = row;
  return (await clawBack(tx, context, { id, payOrderId, orderId, cash, currency })).withheld;
}

/** It is not owed after all. A penalty that was booked stands no more, either. */
export async function bookWithdrawn(tx: Tx, context: CoreContext, row: RefundRow, reason: string): Promise<void> {
  if (!row.owed) return;
  const fact = factOf(row, reason, await roundOf(tx, row));
  await post(tx, context.clock, booking.refundWithdrawn(asked(row, fact)));
  if (row.penalty > 0) {
    await post(tx, context.clock, booking.penaltyWithdrawn({ ...fact, currency: row.currency, amount: row.penalty }));
  }
  if (row.order_id !== null) {
    await undoClawBack(tx, context, { id: row.id, payOrderId: row.pay_order_id, orderId: row.order_id });
  }
  await tx.query({
    name: 'refund_not_owed',
    text: 'UPDATE core.refund SET owed = false WHERE id = $1',
    values: [row.id],
  });
}

/** What is withheld for spent points stays with the platform, as the part that marketing had paid does. */
function asked(row: RefundRow, fact: ReturnType<typeof factOf>): booking.RefundAsked {
  return {
    ...fact,
    currency: row.currency,
    amount: row.amount,
    subsidy: row.subsidy + row.withheld,
    from: row.cause === 'late_capture' ? 'suspense' : 'merchant',
  };
}

function factOf(row: RefundRow, reason: string, round: number) {
  const reference = round === 0 ? row.id : `${row.id}:${round}`;
  return { reference, payOrderId: row.pay_order_id, orderId: row.order_id, reason };
}

/** How often it was withdrawn before: each round is booked under a reference of its own. */
async function roundOf(tx: Tx, row: RefundRow): Promise<number> {
  const rows = await tx.query<{ count: number }>({
    name: 'refund_rounds',
    text: `SELECT count(*) AS count FROM core.posting
      WHERE kind = 'refund_withdrawn' AND reference = ANY(SELECT CASE n WHEN 0 THEN $1 ELSE $1 || ':' || n END FROM generate_series(0, 20) n)`,
    values: [row.id],
  });
  return rows[0]?.count ?? 0;
}
