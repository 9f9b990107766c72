import type { CoreContext } from '../context.ts';
import type { Tx } from '../kernel/db/database.ts';
import type { Step } from '../kernel/driver.ts';
import type { NextOf } from '../kernel/machine.ts';
import { giveBack, kickRollbacks } from '../marketing/deductions.ts';
import { applyCapture } from './capture.ts';
import type { TradeView } from './channel.port.ts';
import { paymentMachine } from './payments.machine.ts';
import type { PaymentRow } from './payments.store.ts';

/** How an attempt ends, and how the channel's word about a trade becomes a move. */
type Live = 'P1' | 'P2' | 'P4' | 'P5' | 'P7';
type FailedEnd = 'P3' | 'P6' | 'P9' | 'P10' | 'P11';

export interface End {
  readonly actor: string;
  readonly reason: string;
  readonly evidence?: unknown;
}

/**
 * Ends an attempt without success. What it asked marketing for is marked to be given back in the same commit, and asked
 * back at once after it.
 */
export async function endAttempt<From extends Live>(
  context: CoreContext,
  row: PaymentRow,
  from: From,
  to: NextOf<typeof paymentMachine, From> & FailedEnd,
  end: End,
): Promise<Step<PaymentRow>> {
  await context.db.tx((tx) => endAttemptInside(context, tx, row, from, to, end));
  return { kind: 'moved' };
}

/** The same inside the caller's transaction. Returns false when the attempt had left `from` before. */
export async function endAttemptInside<From extends Live>(
  context: CoreContext,
  tx: Tx,
  row: PaymentRow,
  from: From,
  to: NextOf<typeof paymentMachine, From> & FailedEnd,
  end: End,
): Promise<boolean> {
  const moved = await context.mover.move(tx, paymentMachine, {
    id: row.id,
    from,
    to,
    set: { failure_reason: end.reason },
    ...end,
    scope: row.pay_order_id,
  });
  if (moved.kind !== 'moved') return false;
  const ids = await giveBack(tx, context, row.id, end.reason);
  tx.afterCommit(() => kickRollbacks(context, ids));
  return true;
}

/** The end that fits who wanted it: the shopper cancelled, or the time ran out. */
export function endByIntent(row: PaymentRow): 'P10' | 'P11' {
  return row.cancel_intent === 'user' ? 'P10' : 'P11';
}

/** Applies what the channel says of a trade that stands at P5 or P7. */
export async function applyTrade(
  context: CoreContext,
  row: PaymentRow,
  from: 'P5' | 'P7',
  view: TradeView,
): Promise<Step<PaymentRow>> {
  const end = { actor: 'channel', reason: view.reason ?? `the channel says ${view.state}`, evidence: view };
  switch (view.state) {
    case 'paid':
      return capturePaid(context, row, view);
    case 'failed':
      return endAttempt(context, row, from, 'P9', end);
    case 'cancelled':
      return endAttempt(context, row, from, 'P10', end);
    case 'closed':
      return endAttempt(context, row, from, endByIntent(row), end);
    case 'refused':
      return from === 'P5' ? endAttempt(context, row, 'P5', 'P6', end) : endAttempt(context, row, 'P7', 'P9', end);
    case 'none':
      return { kind: 'unknown', reason: 'the channel has no record of the trade', evidence: view };
    case 'open':
      return from === 'P5' ? accept(context, row, view) : { kind: 'wait', ms: pollMs(context, row) };
  }
}

async function accept(context: CoreContext, row: PaymentRow, view: TradeView): Promise<Step<PaymentRow>> {
  const moved = await context.mover.move<PaymentRow, typeof paymentMachine, 'P5'>(context.db, paymentMachine, {
    id: row.id,
    from: 'P5',
    to: 'P7',
    set: { pay_url: view.payUrl ?? row.pay_url, channel_trade_id: view.channelTradeId ?? row.channel_trade_id },
    actor: 'channel',
    reason: 'accepted; the shopper pays at the channel now',
    evidence: view,
    scope: row.pay_order_id,
  });
  return moved.row === null ? { kind: 'rest' } : { kind: 'moved', row: moved.row };
}

async function capturePaid(context: CoreContext, row: PaymentRow, view: TradeView): Promise<Step<PaymentRow>> {
  if (view.transactionId === undefined || view.amount === undefined || view.currency === undefined) {
    return { kind: 'unknown', reason: 'the channel says paid without saying what', evidence: view };
  }
  const paid = { transactionId: view.transactionId, amount: view.amount, currency: view.currency };
  const outcome = await context.db.tx((tx) =>
    applyCapture(context, tx, row, paid, { actor: 'channel', reason: 'its answer', evidence: view }),
  );
  return outcome.kind === 'mismatch' ? { kind: 'person', reason: outcome.reason, evidence: view } : { kind: 'moved' };
}

/** Open trades are asked for less and less often, and once more when their time is up. */
function pollMs(context: CoreContext, row: PaymentRow): number {
  const now = context.clock.now().getTime();
  const age = now - row.state_since.getTime();
  const untilEnd = Math.max(0, row.expires_at.getTime() - now);
  return Math.max(500, Math.min(60_000, Math.max(5_000, age), untilEnd));
}
