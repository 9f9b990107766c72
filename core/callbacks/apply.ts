import type { CoreContext } from '../context.ts';
import { applyParcel } from '../fulfilment/fulfilment.ts';
import type { Tx } from '../kernel/db/database.ts';
import { type Cause, readRow } from '../kernel/machine.ts';
import { endAttemptInside } from '../payments/attempt.ts';
import { applyCapture } from '../payments/capture.ts';
import { paymentMachine } from '../payments/payments.machine.ts';
import type { PaymentRow } from '../payments/payments.store.ts';
import { fail, finishInside } from '../refunds/refunds.driver.ts';
import { refundMachine } from '../refunds/refunds.machine.ts';
import type { RefundRow } from '../refunds/refunds.store.ts';
import {
  type CallbackKind,
  type FulfilmentMessage,
  fulfilmentMessage,
  type PaymentMessage,
  paymentMessage,
  type RefundMessage,
  refundMessage,
} from './messages.ts';

export type Applied =
  | { readonly kind: 'applied'; readonly scope: string | null }
  /** It contradicts what we know: nothing moved, a person must see it. */
  | { readonly kind: 'rejected'; readonly reason: string };

/** Applies a verified message inside the caller's transaction. Idempotent: what it says may be so already. */
export async function applyMessage(
  context: CoreContext,
  tx: Tx,
  kind: CallbackKind,
  body: unknown,
  eventId: string,
): Promise<Applied> {
  const cause = { actor: 'callback', reason: `callback ${eventId}`, evidence: body };
  switch (kind) {
    case 'payment':
      return applyPayment(context, tx, paymentMessage.parse(body), cause);
    case 'refund':
      return applyRefund(context, tx, refundMessage.parse(body), cause);
    case 'fulfilment':
      return applyFulfilment(context, tx, fulfilmentMessage.parse(body), cause);
  }
}

function rejected(reason: string): Applied {
  return { kind: 'rejected', reason };
}

const ENDS = { 'trade.failed': 'P9', 'trade.cancelled': 'P10', 'trade.closed': 'P11' } as const;

async function applyPayment(context: CoreContext, tx: Tx, message: PaymentMessage, cause: Cause): Promise<Applied> {
  const row = await readRow<PaymentRow>(tx, paymentMachine, message.tradeNo);
  if (row === null || row.channel !== message.source)
    return rejected(`trade ${message.tradeNo} is not ours at ${message.source}`);
  const merchantId = context.channels.get(row.channel)?.merchantId;
  if (message.merchantId !== merchantId) return rejected(`merchant ${message.merchantId} is not us`);
  const applied = { kind: 'applied', scope: row.pay_order_id } as const;
  if (message.type === 'trade.paid') {
    const outcome = await applyCapture(context, tx, row, message, cause);
    return outcome.kind === 'mismatch' ? rejected(outcome.reason) : applied;
  }
  const end = { ...cause, reason: message.reason ?? `the channel says ${message.type}` };
  // An end that was reached is never overwritten: a late word of another one is old news.
  if (row.state === 'P5') await endAttemptInside(context, tx, row, 'P5', ENDS[message.type], end);
  if (row.state === 'P7') await endAttemptInside(context, tx, row, 'P7', ENDS[message.type], end);
  return applied;
}

async function applyRefund(context: CoreContext, tx: Tx, message: RefundMessage, cause: Cause): Promise<Applied> {
  const row = await readRow<RefundRow>(tx, refundMachine, message.refundNo);
  if (row === null || row.channel !== message.source)
    return rejected(`refund ${message.refundNo} is not ours at ${message.source}`);
  if (message.merchantId !== context.channels.get(row.channel)?.merchantId)
    return rejected(`merchant ${message.merchantId} is not us`);
  if (message.amount !== row.amount || message.currency !== row.currency) {
    return rejected(
      `asked to refund ${row.amount} ${row.currency}, the channel says ${message.amount} ${message.currency}`,
    );
  }
  const applied = { kind: 'applied', scope: row.pay_order_id } as const;
  if (message.type === 'refund.failed') {
    if (row.state === 'R10') return rejected('the refund had succeeded before');
    if (row.state === 'R9') await fail(context, row, message.reason ?? 'the channel failed it', message, tx);
    return applied;
  }
  if (row.state === 'R10') return applied;
  if (row.state !== 'R9') return rejected(`the refund stands at ${row.state}`);
  await finishInside(context, tx, row, 'R9', {
    reason: cause.reason,
    evidence: message,
    channelRefundId: message.channelRefundId ?? null,
  });
  return applied;
}

const PARCEL = {
  'shipment.processing': 'processing',
  'shipment.delivered': 'delivered',
  'shipment.failed': 'failed',
  'shipment.cancelled': 'cancelled',
} as const;

async function applyFulfilment(
  context: CoreContext,
  tx: Tx,
  message: FulfilmentMessage,
  cause: Cause,
): Promise<Applied> {
  const view = {
    shipmentId: message.shipmentId,
    state: PARCEL[message.type],
    ...(message.carrier === undefined ? {} : { carrier: message.carrier }),
    ...(message.trackingNo === undefined ? {} : { trackingNo: message.trackingNo }),
    ...(message.codes === undefined ? {} : { codes: message.codes }),
    ...(message.reason === undefined ? {} : { reason: message.reason }),
  };
  const outcome = await applyParcel(context, message.shipmentId, view, cause, tx);
  return outcome.kind === 'conflict' ? rejected(outcome.reason) : { kind: 'applied', scope: null };
}
