import { z } from 'zod';

/**
 * What the outside sends us. Fields that we do not know are let through: the senders are other companies' systems, and a
 * new field of theirs must not stop money from being booked.
 */
const id = z.string().min(1).max(200);
const reason = z.string().max(1000).optional();
const amount = z.int().nonnegative();
const occurredAt = z.iso.datetime({ offset: true });

const paid = z.object({
  type: z.literal('trade.paid'),
  source: id,
  merchantId: id,
  tradeNo: id,
  transactionId: id,
  amount,
  currency: z.string().length(3),
  occurredAt,
});

const notPaid = z.object({
  type: z.enum(['trade.failed', 'trade.cancelled', 'trade.closed']),
  source: id,
  merchantId: id,
  tradeNo: id,
  reason,
  occurredAt,
});

export const paymentMessage = z.discriminatedUnion('type', [paid, notPaid]);

export const refundMessage = z.object({
  type: z.enum(['refund.done', 'refund.failed']),
  source: id,
  merchantId: id,
  refundNo: id,
  channelRefundId: id.optional(),
  amount,
  currency: z.string().length(3),
  reason,
  occurredAt,
});

export const fulfilmentMessage = z.object({
  type: z.enum(['shipment.processing', 'shipment.delivered', 'shipment.failed', 'shipment.cancelled']),
  source: id,
  shipmentId: id,
  carrier: z.string().max(100).optional(),
  trackingNo: z.string().max(100).optional(),
  codes: z.array(z.string().max(200)).max(10_000).optional(),
  reason,
  occurredAt,
});

export const returnMessage = z.object({
  type: z.enum(['return.processing', 'return.received', 'return.failed']),
  source: id,
  returnNo: id,
  carrier: z.string().max(100).optional(),
  trackingNo: z.string().max(100).optional(),
  reason,
  occurredAt,
});

export const MESSAGES = {
  payment: paymentMessage,
  refund: refundMessage,
  fulfilment: fulfilmentMessage,
  return: returnMessage,
} as const;

export type CallbackKind = keyof typeof MESSAGES;
export type PaymentMessage = z.infer<typeof paymentMessage>;
export type RefundMessage = z.infer<typeof refundMessage>;
export type ReturnMessage = z.infer<typeof returnMessage>;
export type FulfilmentMessage = z.infer<typeof fulfilmentMessage>;

export function isCallbackKind(text: string): text is CallbackKind {
  return Object.hasOwn(MESSAGES, text);
}
