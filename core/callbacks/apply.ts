import { kickAfterSales } from '../aftersales/aftersales.driver.ts';
import { applyReturn } from '../aftersales/returning.ts';
import type { CoreContext } from '../context.ts';
import { applyParcel } from '../fulfilment/parcel.ts';
import type { Tx } from '../kernel/db/database.ts';
import { type Cause, readRow } from '../kernel/machine.ts';
import { endAttemptInside } from '../payments/attempt.ts';
import { bookCapture, judgeCapture, readStanding, type Standing } from '../payments/capture.ts';
import { fail, finishInside } from '../refunds/refunds.driver.ts';
import { refundMachine } from '../refunds/refunds.machine.ts';
import { legOfKey, type RefundRow } from '../refunds/refunds.store.ts';
import {
  type CallbackKind,
  type FulfilmentMessage,
  fulfilmentMessage,
  type PaymentMessage,
  paymentMessage,
  type RefundMessage,
  type ReturnMessage,
  refundMessage,
  returnMessage,
} from './messages.ts';

export type Applied =
  | { readonly kind: 'applied'; readonly scope: string | null }
  /** It contradicts what we know: nothing moved, a person must see it. */
  | { readonly kind: 'rejected'; readonly reason: string };

/** What a message comes to, and what is still to be written for it, so that other writes can go along. */
export interface Ruling {
  readonly outcome: Applied;
  carryOut(): Promise<void>;
}

/**
 * Reads what a verified message is about, inside the caller's transaction, and returns the ruling over it as a second
 * step: the caller looks in between whether it knows the message already. Nothing is written before that step.
 * Idempotent: what the message says may be so already.
 */
export async function lookAt(
  context: CoreContext,
  tx: Tx,
  kind: CallbackKind,
  body: unknown,
  eventId: string,
): Promise<() => Promise<Ruling>> {
  const cause = { actor: 'callback', reason: `callback ${eventId}`, evidence: body };
  switch (kind) {
    case 'payment': {
      const message = paymentMessage.parse(body);
      const transactionId = message.type === 'trade.paid' ? message.transactionId : '';
      const standing = await readStanding(tx, message.tradeNo, message.source, transactionId);
      return async () => rulePayment(context, tx, standing, message, cause);
    }
    case 'refund': {
      const message = refundMessage.parse(body);
      return async () => done(await applyRefund(context, tx, message, cause));
    }
    case 'fulfilment': {
      const message = fulfilmentMessage.parse(body);
      return async () => done(await applyFulfilment(context, tx, message, cause));
    }
    case 'return': {
      const message = returnMessage.parse(body);
      return async () => done(await applyReturned(context, tx, message, cause));
    }
  }
}

/** Its writes are made already, or there are none. */
function done(outcome: Applied): Ruling {
  return { outcome, carryOut: async () => undefined };
}

function rejected(reason: string): Applied {
  return { kind: 'rejected', reason };
}

const ENDS = { 'trade.failed': 'P9', 'trade.cancelled': 'P10', 'trade.closed': 'P11' } as const;

function rulePayment(
  context: CoreContext,
  tx: Tx,
  standing: Standing | null,
  message: PaymentMessage,
  cause: Cause,
): Ruling {
  if (standing === null || standing.payment.channel !== message.source)
    return done(rejected(`trade ${message.tradeNo} is not ours at ${message.source}`));
  const { payment } = standing;
  const merchantId = context.channels.get(payment.channel)?.merchantId;
  if (message.merchantId !== merchantId) return done(rejected(`merchant ${message.merchantId} is not us`));
  const applied = { kind: 'applied', scope: payment.pay_order_id } as const;
  if (message.type === 'trade.paid') {
    const capture = judgeCapture(standing, message);
    if (capture.kind === 'mismatch') return done(rejected(capture.reason));
    return { outcome: applied, carryOut: () => bookCapture(context, tx, standing, capture, message, cause) };
  }
  const end = { ...cause, reason: message.reason ?? `the channel says ${message.type}` };
  const to = ENDS[message.type];
  return {
    outcome: applied,
    carryOut: async () => {
      // An end that was reached is never overwritten: a late word of another one is old news.
      if (payment.state === 'P5') await endAttemptInside(context, tx, payment, 'P5', to, end);
      if (payment.state === 'P7') await endAttemptInside(context, tx, payment, 'P7', to, end);
    },
  };
}

async function applyRefund(context: CoreContext, tx: Tx, message: RefundMessage, cause: Cause): Promise<Applied> {
  const { refundId, leg } = legOfKey(message.refundNo);
  const row = await readRow<RefundRow>(tx, refundMachine, refundId);
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
  if (leg !== row.cash_leg) {
    return message.type === 'refund.failed' ? applied : rejected(`${message.refundNo} had failed and was asked anew`);
  }
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

const RETURN = { 'return.processing': 'processing', 'return.received': 'received', 'return.failed': 'failed' } as const;

async function applyReturned(context: CoreContext, tx: Tx, message: ReturnMessage, cause: Cause): Promise<Applied> {
  const view = {
    returnNo: message.returnNo,
    state: RETURN[message.type],
    ...(message.carrier === undefined ? {} : { carrier: message.carrier }),
    ...(message.trackingNo === undefined ? {} : { trackingNo: message.trackingNo }),
    ...(message.reason === undefined ? {} : { reason: message.reason }),
  };
  const outcome = await applyReturn(context, view, cause, tx);
  if (outcome.kind === 'conflict') return rejected(outcome.reason);
  if (outcome.kind === 'known') return { kind: 'applied', scope: null };
  tx.afterCommit(() => kickAfterSales(context, outcome.refundId));
  return { kind: 'applied', scope: outcome.scope };
}
