import type { CoreContext } from '../context.ts';
import { addMs } from '../kernel/clock.ts';
import type { Tx } from '../kernel/db/database.ts';
import { type Cause, readRow } from '../kernel/machine.ts';
import * as booking from '../ledger/booking.ts';
import { post } from '../ledger/ledger.ts';
import { orderMachine } from '../orders/orders.machine.ts';
import {
  awaitBalance,
  balanceOf,
  giveUpUnpaid,
  type LockedPayOrder,
  type OrderOfPayOrder,
  type PayOrderRow,
} from '../payorders/payorders.ts';
import { refundedOf } from '../refunds/refunds.store.ts';
import { openRefund } from '../refunds/refunds.ts';
import { holdUntil } from '../stock/stock.ts';
import { effectiveCapture, missedPolicy } from './deposit.store.ts';
import type { PaymentRow } from './payments.store.ts';

/*
 * The deposit of a presale (定金): held for the customer until the balance is paid, then earned; forfeited or paid back when it
 * is not. Whoever is here holds the deposit's lock, which guards the order and both its parts.
 */

interface Paid {
  readonly payOrder: PayOrderRow;
  readonly payment: PaymentRow;
  readonly captureId: string;
  readonly note: Cause;
}

/**
 * A deposit was captured: its order waits for the balance from now on, and its goods are held until that can no longer be
 * paid. A shopper who had cancelled before, and one whose goods are gone, has the deposit back in full, whatever the policy.
 */
export async function takeDeposit(context: CoreContext, tx: Tx, order: OrderOfPayOrder, paid: Paid): Promise<void> {
  const { payOrder, note } = paid;
  if (order.cancel_intent === 'user') {
    return giveDepositBack(context, tx, order.id, paid, 'cancelled', 'cancelled before the capture arrived');
  }
  const balance = await balanceOf(tx, payOrder.id);
  if (balance === null) throw new Error(`broken invariant: deposit ${payOrder.id} has no balance`);
  // A payment of the last moment still finds its goods held.
  const lack = await holdUntil(tx, order.id, addMs(balance.expires_at, context.terms.reserveForMs));
  if (lack !== null) {
    await giveDepositBack(context, tx, order.id, paid, 'no_stock', 'captured when its stock was gone');
    await giveUpUnpaid(tx, payOrder.id, 'the goods of the deposit are gone', context.clock.now());
    return;
  }
  await awaitBalance(tx, order.id, balance.expires_at);
  const row = await readRow(tx, orderMachine, order.id);
  if (row !== null)
    await context.mover.note(tx, orderMachine, row, 'deposit_paid', { ...note, reason: 'the deposit is paid' });
}

async function giveDepositBack(
  context: CoreContext,
  tx: Tx,
  orderId: string,
  { payOrder, payment, captureId }: Omit<Paid, 'note'>,
  cause: 'cancelled' | 'no_stock',
  reason: string,
): Promise<void> {
  await openRefund(tx, context, {
    payOrderId: payOrder.id,
    orderId,
    captureId,
    channel: payment.channel,
    currency: payOrder.currency,
    amount: payOrder.payable,
    subsidy: 0,
    from: 'deposit',
    cause,
    reason,
  });
}

/** The balance was captured: the deposit, and what it is worth beyond what it cost (定金膨胀), are earned with it. */
export async function applyDeposit(
  context: CoreContext,
  tx: Tx,
  order: OrderOfPayOrder,
  balance: { readonly payOrder: PayOrderRow; readonly captureId: string },
): Promise<void> {
  const { payOrder, captureId } = balance;
  const applied = booking.depositApplied({
    reference: captureId,
    payOrderId: payOrder.first_id,
    orderId: order.id,
    reason: 'the balance is paid',
    currency: payOrder.currency,
    amount: order.payable - payOrder.payable,
    bonus: order.discount_amount,
  });
  await post(tx, context.clock, applied);
}

/**
 * An order closes whose deposit was paid and whose balance was not: what is still held of the deposit is forfeited, or goes
 * back, as was agreed when it was placed. One that is going back already is left alone. Of a blocked user (拉黑) the balance is
 * refused, so the deposit goes back whatever was agreed.
 */
export async function endDeposit(
  context: CoreContext,
  tx: Tx,
  deposit: LockedPayOrder,
  orderId: string,
): Promise<void> {
  if (deposit.paid_at === null) return;
  const capture = await effectiveCapture(tx, deposit.id);
  if (capture === null) throw new Error(`broken invariant: deposit ${deposit.id} is paid without a capture`);
  const { captured, refunded } = await refundedOf(tx, capture.id);
  const held = captured - refunded;
  if (held === 0) return;
  const reason = deposit.blocked ? 'its user is blocked and may not pay the balance' : 'the balance was not paid';
  if (deposit.blocked || (await missedPolicy(tx, orderId)) === 'return') {
    await openRefund(tx, context, {
      payOrderId: deposit.id,
      orderId,
      captureId: capture.id,
      channel: capture.channel,
      currency: deposit.currency,
      amount: held,
      subsidy: 0,
      from: 'deposit',
      cause: 'deposit_returned',
      reason,
    });
    return;
  }
  const { currency } = deposit;
  const forfeited = { reference: capture.id, payOrderId: deposit.id, orderId, reason, currency, amount: held };
  await post(tx, context.clock, booking.depositForfeited(forfeited));
}
