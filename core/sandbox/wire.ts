import { z } from '@hono/zod-openapi';
import { wire } from '../kernel/http/wire.ts';
import { CURRENCIES, MAX_AMOUNT } from '../kernel/money.ts';
import { CHANNELS } from './faults.ts';

/** The protocol of the services: what their clients send. */
export const key = z.string().regex(/^[\x21-\x7e]{1,200}$/, 'must be 1 to 200 visible ASCII characters');
export const channel = z.enum(CHANNELS);
const amount = z.int().min(1).max(MAX_AMOUNT);
const currency = z.enum(CURRENCIES);
/** Text that we only keep: whoever sends it decides what it holds. */
const text = z.string().max(1_000);
const notifyUrl = z.url({ protocol: /^https?$/ }).max(2_000);

export const tradeBody = wire.object({
  tradeNo: key,
  merchantId: key,
  amount,
  currency,
  description: text,
  notifyUrl,
});

export const refundBody = wire.object({
  refundNo: key,
  tradeNo: key,
  merchantId: key,
  amount,
  currency,
  notifyUrl,
});

/** What the marketing service knows: coupons, and the points of a pay order. */
const kind = z.enum(['coupon', 'points']);

export const deductionKey = wire.object({ attemptId: key, kind, resource: key });

export const deductionBody = wire.object({
  attemptId: key,
  kind,
  resource: key,
  userId: z.union([key, z.int()]),
  amount,
  currency,
});

export const shipmentBody = wire.object({
  shipmentId: key,
  orderId: key,
  goodsKind: z.enum(['physical', 'virtual']),
  address: z.unknown(),
  account: text.optional(),
  lines: z
    .array(wire.object({ skuId: key, name: text, quantity: z.int().min(1).max(1_000_000) }))
    .min(1)
    .max(2_000),
  notifyUrl,
});

const day = z.string().regex(/^\d{4}-\d{2}-\d{2}$/, 'must be a day such as 2026-11-11');

export const roomBody = wire.object({
  lockId: key,
  orderId: key,
  roomType: key,
  rooms: z.int().min(1).max(1_000),
  checkIn: day,
  checkOut: day,
  guest: text,
});

export const returnBody = wire.object({
  returnNo: key,
  orderId: key,
  lines: shipmentBody.shape.lines,
  notifyUrl,
});

export const returnStep = z.enum(['processing', 'received', 'failed']);

/** What the services answer. "none" stands alone and comes with 404. */
export const tradeAnswer = z
  .object({
    state: z.enum(['none', 'open', 'paid', 'failed', 'cancelled', 'closed', 'refused']),
    tradeNo: z.string().optional(),
    channelTradeId: z.string().optional(),
    payUrl: z.string().optional(),
    /** What was taken: when paid. */
    transactionId: z.string().optional(),
    amount: z.int().optional(),
    currency: z.string().optional(),
    reason: z.string().optional(),
  })
  .openapi('TradeAnswer');

export const refundAnswer = z
  .object({
    state: z.enum(['none', 'processing', 'done', 'failed']),
    refundNo: z.string().optional(),
    tradeNo: z.string().optional(),
    channelRefundId: z.string().optional(),
    amount: z.int().optional(),
    currency: z.string().optional(),
    reason: z.string().optional(),
  })
  .openapi('RefundAnswer');

export const deductionAnswer = z
  .object({
    state: z.enum(['none', 'deducted', 'refused', 'rolled_back']),
    attemptId: z.string().optional(),
    kind: z.string().optional(),
    resource: z.string().optional(),
    reason: z.string().optional(),
  })
  .openapi('DeductionAnswer');

export const shipmentAnswer = z
  .object({
    state: z.enum(['none', 'accepted', 'processing', 'failed', 'delivered', 'cancelled']),
    shipmentId: z.string().optional(),
    carrier: z.string().optional(),
    trackingNo: z.string().optional(),
    codes: z.array(z.string()).optional(),
    reason: z.string().optional(),
  })
  .openapi('ShipmentAnswer');

export const returnAnswer = z
  .object({
    state: z.enum(['none', 'accepted', 'processing', 'received', 'failed']),
    returnNo: z.string().optional(),
    carrier: z.string().optional(),
    trackingNo: z.string().optional(),
    reason: z.string().optional(),
  })
  .openapi('ReturnAnswer');

export const roomAnswer = z
  .object({
    state: z.enum(['none', 'locked', 'refused', 'released']),
    lockId: z.string().optional(),
    confirmation: z.string().optional(),
    reason: z.string().optional(),
  })
  .openapi('RoomAnswer');

export type TradeAnswer = z.infer<typeof tradeAnswer>;
export type RefundAnswer = z.infer<typeof refundAnswer>;
export type DeductionAnswer = z.infer<typeof deductionAnswer>;
export type ShipmentAnswer = z.infer<typeof shipmentAnswer>;
export type ReturnAnswer = z.infer<typeof returnAnswer>;
export type RoomAnswer = z.infer<typeof roomAnswer>;
