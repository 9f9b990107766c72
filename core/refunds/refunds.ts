import type { CoreContext } from '../context.ts';
import type { Tx } from '../kernel/db/database.ts';
import { newId } from '../kernel/ids.ts';
import type { Currency } from '../kernel/money.ts';
import * as booking from '../ledger/booking.ts';
import { post } from '../ledger/ledger.ts';
import { clawBack } from '../marketing/returns.ts';
import { type ClaimedLine, claimLines, linesOf, type UnclaimedLine } from './claims.store.ts';
import { kickRefund } from './refunds.driver.ts';
import { refundMachine } from './refunds.machine.ts';
import { otherPartOf, refundedOf } from './refunds.store.ts';

/** Why money goes back without anybody asking for it. */
export type RefundCause =
  | 'late_capture'
  | 'cancelled'
  | 'no_stock'
  | 'fulfilment_failed'
  | 'stay_cancelled'
  | 'deposit_returned'
  | 'deposit_part';

export interface OpenRefund {
  readonly payOrderId: string;
  /** NULL for a late capture: it belongs to no order. */
  readonly orderId: string | null;
  readonly captureId: string;
  readonly channel: string;
  readonly currency: Currency;
  /** Cash that goes back, in minor units, and the part that marketing had paid; of some lines `moneyOf` says both. */
  readonly amount: number;
  readonly subsidy: number;
  /** Cash that is kept of what was paid (违约金), in minor units. */
  readonly penalty?: number;
  /** Where the money lies when that is not with the merchant: a deposit whose balance was not paid. It claims no pieces. */
  readonly from?: 'deposit';
  readonly cause: RefundCause;
  readonly reason: string;
  /** The pieces that it speaks of; left out: all of the order that is not claimed yet, none of which was delivered. */
  readonly lines?: readonly ClaimedLine[];
  /** The shipment whose failure is the cause. */
  readonly shipmentId?: string;
}

/**
 * Opens a refund at R8 (nothing to return) and books that it is owed. The caller holds the pay order's lock, so that the
 * sum of all refunds of a capture, those in flight included, never passes what was captured.
 *
 * Of a presale, what the one part's capture has no room for goes back from the other's, as a refund of its own. One that was
 * asked for speaks of more than its capture took until its channel is asked: the rest of it is the other's already.
 *
 * Throws when it would: the callers refund what they have just booked, so that is a bug.
 */
export async function openRefund(tx: Tx, context: CoreContext, refund: OpenRefund): Promise<string> {
  const { captured, refunded, payOrderId } = await refundedOf(tx, refund.captureId);
  const room = Math.max(0, captured - refunded);
  const overshoot = Math.max(0, refunded - captured);
  const rest = refund.amount - room;
  if (rest <= 0) return openOne(tx, context, { ...refund, payOrderId });
  const other = await otherPartOf(tx, refund.captureId);
  if (other === null || rest > other.room - overshoot) {
    throw new Error(
      `broken invariant: refunds of ${refund.captureId} would be ${refunded + refund.amount} of ${captured}`,
    );
  }
  // Even with nothing left to it: it claims the lines.
  const id = await openOne(tx, context, { ...refund, payOrderId, amount: room });
  const { room: _, ...part } = other;
  const { currency, orderId, reason } = refund;
  await openOne(tx, context, {
    ...part,
    currency,
    orderId,
    reason,
    amount: rest,
    subsidy: 0,
    cause: 'deposit_part',
    lines: [],
  });
  return id;
}

async function openOne(tx: Tx, context: CoreContext, refund: OpenRefund): Promise<string> {
  const penalty = refund.penalty ?? 0;
  const id = newId('ref', context.clock, context.random);
  const partial = refund.from === 'deposit' || refund.cause === 'deposit_part';
  const lines =
    refund.lines ?? (refund.orderId === null || partial ? [] : unclaimed(await linesOf(tx, refund.orderId)));
  const cash = lines.reduce((sum, line) => sum + line.cash, 0);
  const { payOrderId, orderId, currency } = refund;
  const { withheld } =
    orderId === null || partial
      ? { withheld: 0 }
      : await clawBack(tx, context, { id, payOrderId, orderId, cash: refund.amount, currency });
  await context.mover.create(tx, refundMachine, {
    id,
    state: 'R8',
    columns: {
      pay_order_id: refund.payOrderId,
      order_id: refund.orderId,
      capture_id: refund.captureId,
      channel: refund.channel,
      amount: refund.amount - withheld,
      subsidy: refund.subsidy,
      withheld,
      currency: refund.currency,
      cause: refund.cause,
      shipment_id: refund.shipmentId ?? null,
      freight: refund.orderId === null || partial ? 0 : Math.max(0, refund.amount + penalty - cash),
      penalty,
      owed: true,
      created_at: context.clock.now(),
    },
    actor: 'core',
    reason: refund.reason,
    scope: refund.payOrderId,
  });
  if (refund.orderId !== null && lines.length > 0) await claimLines(tx, { id, orderId: refund.orderId }, lines);
  const owed = booking.refundAsked({
    reference: id,
    payOrderId: refund.payOrderId,
    orderId: refund.orderId,
    reason: refund.reason,
    currency: refund.currency,
    amount: refund.amount - withheld,
    // What is withheld for points that were spent already stays with the platform, which has paid for them.
    subsidy: refund.subsidy + withheld,
    from: refund.cause === 'late_capture' ? 'suspense' : (refund.from ?? 'merchant'),
  });
  await post(tx, context.clock, owed);
  if (penalty > 0) {
    const { reason } = refund;
    await post(
      tx,
      context.clock,
      booking.penalty({ reference: id, payOrderId, orderId, reason, currency, amount: penalty }),
    );
  }
  tx.afterCommit(() => kickRefund(context, id));
  return id;
}

/** What is left of each line, as pieces that will never be delivered. */
function unclaimed(lines: readonly UnclaimedLine[]): ClaimedLine[] {
  return lines
    .filter((line) => line.claimed < line.quantity)
    .map((line) => ({
      lineNo: line.line_no,
      quantity: line.quantity - line.claimed,
      cash: line.payable - line.claimed_cash,
      subsidy: line.discount - line.claimed_subsidy,
      dropped: line.quantity - line.shipped - line.dropped,
    }));
}
