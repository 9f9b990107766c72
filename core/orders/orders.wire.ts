import { z } from '@hono/zod-openapi';
import { shipmentMachine } from '../fulfilment/fulfilment.machine.ts';
import { roomLockMachine } from '../hotel/hotel.machine.ts';
import type { RoomLockRow } from '../hotel/hotel.store.ts';
import { label, moneySchema, numericId, stateOnWire, stateSchema } from '../kernel/http/values.ts';
import { wire } from '../kernel/http/wire.ts';
import type { Machine } from '../kernel/machine.ts';
import { type Currency, MAX_AMOUNT, money } from '../kernel/money.ts';
import { callbackMachine, captureMachine, deductionMachine, paymentMachine } from '../payments/payments.machine.ts';
import { refundMachine } from '../refunds/refunds.machine.ts';
import { ORDER_TYPES } from './order-type.ts';
import { orderMachine } from './orders.machine.ts';
import type { EventViewRow, OrderRecord, OrderSummaryRow, PaymentViewRow, PayOrderRecord } from './orders.read.ts';
import type { CreatedOrder } from './placing.ts';
import { ticketMachine } from './tickets.machine.ts';

export const MAX_ITEMS = 1_000;
export const MAX_QUANTITY = 100_000;

const orderType = z.enum([...ORDER_TYPES.keys()] as [string, ...string[]]);

const addressSchema = wire
  .object({
    recipient: label(100),
    /** Street, house, flat: whatever the carrier needs beside the fields below. */
    line: label(300),
    city: label(100).optional(),
    region: label(100).optional(),
    country: label(100).optional(),
    postalCode: label(20).optional(),
    phone: label(40).optional(),
  })
  .openapi('Address');

export const orderBody = wire
  .object({
    userId: numericId,
    guest: z.boolean().default(false),
    type: orderType,
    items: z
      .array(
        wire.object({
          skuId: numericId,
          quantity: z.int().min(1).max(MAX_QUANTITY),
          expectedPrice: moneySchema.optional(),
        }),
      )
      .min(1)
      .max(MAX_ITEMS),
    address: addressSchema.optional(),
    couponCode: z
      .string()
      .regex(/^[A-Za-z0-9_-]{4,40}$/, 'must be 4 to 40 letters, digits, _ or -')
      .optional(),
    points: z
      .int()
      .min(1)
      .max(MAX_AMOUNT)
      .optional()
      .openapi({ description: 'The most points to pay with; no more are taken than the goods cost beside the coupon' }),
    latePayment: z.enum(['refund', 'revive']).optional().openapi({
      description: 'What becomes of money that comes after the end: it goes back (default), or the order lives again',
    }),
    details: z.record(z.string(), z.unknown()).optional().openapi({ description: 'Extra fields of the order type' }),
  })
  .openapi('NewOrder');

const notice = wire.object({ code: z.string(), message: z.string() });

export const createdSchema = wire
  .object({
    payOrderId: z.string(),
    payable: moneySchema,
    expiresAt: wire.time,
    notices: z.array(notice),
    balance: wire
      .object({ payOrderId: z.string(), payable: moneySchema, opensAt: wire.time, expiresAt: wire.time })
      .nullable()
      .openapi({ description: 'The second part of a presale (尾款): its own pay order' }),
    orders: z.array(
      wire.object({
        orderId: z.string(),
        type: z.string(),
        shopId: z.string(),
        warehouseId: z.string(),
        state: stateSchema,
        goodsAmount: moneySchema,
        discount: moneySchema,
        payable: moneySchema,
      }),
    ),
  })
  .openapi('CreatedOrder');

export const summarySchema = wire
  .object({
    orderId: z.string(),
    payOrderId: z.string(),
    userId: z.string(),
    type: z.string(),
    shopId: z.string(),
    warehouseId: z.string(),
    state: stateSchema,
    payable: moneySchema,
    createdAt: wire.time,
  })
  .openapi('OrderSummary');

const paymentSchema = wire
  .object({
    paymentId: z.string(),
    attemptNo: z.int(),
    channel: z.string(),
    state: stateSchema,
    amount: moneySchema,
    payUrl: z.string().nullable(),
    failureReason: z.string().nullable(),
    expiresAt: wire.time,
    createdAt: wire.time,
  })
  .openapi('PaymentAttempt');

export const orderSchema = wire
  .object({
    ...summarySchema.shape,
    guest: z.boolean(),
    version: z.int(),
    goodsAmount: moneySchema,
    freight: moneySchema,
    discount: moneySchema,
    address: addressSchema.nullable(),
    // Spelled out: the generator would follow JSON into itself for ever.
    details: z.record(z.string(), z.json()).openapi({ type: 'object', additionalProperties: true }),
    cancelIntent: z.enum(['user', 'timeout']).nullable(),
    cancelReason: z.string().nullable(),
    expiresAt: wire.time,
    lines: z.array(
      wire.object({
        lineNo: z.int(),
        skuId: z.string(),
        snapshotId: z.string(),
        name: z.string(),
        quantity: z.int(),
        unitPrice: moneySchema,
        discount: moneySchema,
        payable: moneySchema,
        /** Pieces delivered, of these the ones that came back, and pieces paid back. */
        shipped: z.int(),
        returned: z.int(),
        refunded: z.int(),
      }),
    ),
    payments: z.array(paymentSchema),
    shipments: z.array(
      wire.object({
        shipmentId: z.string(),
        state: stateSchema,
        carrier: z.string().nullable(),
        trackingNo: z.string().nullable(),
        codes: z.array(z.string()).nullable(),
        version: z.int(),
        lines: z.array(wire.object({ lineNo: z.int(), quantity: z.int() })),
        createdAt: wire.time,
      }),
    ),
    refunds: z.array(
      wire.object({
        refundId: z.string(),
        orderId: z.string().nullable(),
        state: stateSchema,
        amount: moneySchema,
        cause: z.string(),
        kind: z.string(),
        createdAt: wire.time,
      }),
    ),
    stay: wire
      .object({
        state: stateSchema,
        checkIn: z.string(),
        checkOut: z.string(),
        rooms: z.int(),
        guest: z.string(),
        confirmation: z.string().nullable(),
        /** What cancelling it has cost; null: it was not cancelled. */
        penalty: moneySchema.nullable(),
      })
      .nullable()
      .openapi({ description: 'The room of a hotel order at the hotel; null for other orders' }),
    timeline: z.array(
      wire.object({
        at: wire.time,
        type: z.string(),
        machine: z.string(),
        entityId: z.string(),
        from: stateSchema.nullable(),
        to: stateSchema,
        actor: z.string(),
        reason: z.string(),
      }),
    ),
  })
  .openapi('Order');

export const payOrderSchema = wire
  .object({
    payOrderId: z.string(),
    userId: z.string(),
    payable: moneySchema,
    discount: moneySchema,
    stage: z.enum(['full', 'deposit', 'balance']),
    opensAt: wire.time.nullable().openapi({ description: 'From when a balance may be paid' }),
    couponCode: z.string().nullable(),
    points: z.int(),
    notices: z.array(notice),
    expiresAt: wire.time,
    paidAt: wire.time.nullable(),
    createdAt: wire.time,
    orders: z.array(summarySchema),
    payments: z.array(paymentSchema),
  })
  .openapi('PayOrder');

export function createdOnWire(created: CreatedOrder): z.infer<typeof createdSchema> {
  return {
    ...created,
    expiresAt: created.expiresAt.toISOString(),
    notices: [...created.notices],
    balance:
      created.balance === null
        ? null
        : {
            ...created.balance,
            opensAt: created.balance.opensAt.toISOString(),
            expiresAt: created.balance.expiresAt.toISOString(),
          },
    orders: created.orders.map((order) => ({
      ...order,
      shopId: String(order.shopId),
      warehouseId: String(order.warehouseId),
      state: stateOnWire(orderMachine, order.state),
    })),
  };
}

export function summaryOnWire(row: OrderSummaryRow): z.infer<typeof summarySchema> {
  return {
    orderId: row.id,
    payOrderId: row.pay_order_id,
    userId: String(row.user_id),
    type: row.type,
    shopId: String(row.shop_id),
    warehouseId: String(row.warehouse_id),
    state: stateOnWire(orderMachine, row.state),
    payable: money(row.payable, row.currency),
    createdAt: row.created_at.toISOString(),
  };
}

function paymentOnWire(row: PaymentViewRow): z.infer<typeof paymentSchema> {
  return {
    paymentId: row.id,
    attemptNo: row.attempt_no,
    channel: row.channel,
    state: stateOnWire(paymentMachine, row.state),
    amount: money(row.amount, row.currency),
    payUrl: row.pay_url,
    failureReason: row.failure_reason,
    expiresAt: row.expires_at.toISOString(),
    createdAt: row.created_at.toISOString(),
  };
}

/** Whose events a pay order's timeline holds. */
const MACHINES: ReadonlyMap<string, Machine> = new Map(
  [
    orderMachine,
    ticketMachine,
    paymentMachine,
    deductionMachine,
    captureMachine,
    callbackMachine,
    shipmentMachine,
    refundMachine,
    roomLockMachine,
  ].map((machine) => [machine.name, machine]),
);

function eventOnWire(row: EventViewRow): z.infer<typeof orderSchema>['timeline'][number] {
  const machine = MACHINES.get(row.machine);
  const state = (code: string) => (machine === undefined ? { code, name: code } : stateOnWire(machine, code));
  return {
    at: row.at.toISOString(),
    type: row.type,
    machine: row.machine,
    entityId: row.entity_id,
    from: row.from_state === null ? null : state(row.from_state),
    to: state(row.to_state),
    actor: row.actor,
    reason: row.reason,
  };
}

function stayOnWire(row: RoomLockRow, currency: Currency): z.infer<typeof orderSchema>['stay'] {
  return {
    state: stateOnWire(roomLockMachine, row.state),
    checkIn: row.check_in,
    checkOut: row.check_out,
    rooms: row.rooms,
    guest: row.guest,
    confirmation: row.confirmation,
    penalty: row.penalty === null ? null : money(row.penalty, currency),
  };
}

export function orderOnWire(record: OrderRecord): z.infer<typeof orderSchema> {
  const { order } = record;
  const cash = (amount: number, currency: Currency = order.currency) => money(amount, currency);
  return {
    ...summaryOnWire(order),
    guest: order.guest,
    version: order.version,
    goodsAmount: cash(order.goods_amount),
    freight: cash(order.freight_amount),
    discount: cash(order.discount_amount),
    address: order.address,
    details: order.details,
    cancelIntent: order.cancel_intent,
    cancelReason: order.cancel_reason,
    expiresAt: order.expires_at.toISOString(),
    lines: record.lines.map((line) => ({
      lineNo: line.line_no,
      skuId: String(line.sku_id),
      snapshotId: line.snapshot_id,
      name: line.name,
      quantity: line.quantity,
      unitPrice: cash(line.unit_price),
      discount: cash(line.discount),
      payable: cash(line.payable),
      shipped: line.shipped,
      returned: line.returned,
      refunded: line.refunded,
    })),
    payments: record.payments.map(paymentOnWire),
    shipments: record.shipments.map((row) => ({
      shipmentId: row.id,
      state: stateOnWire(shipmentMachine, row.state),
      carrier: row.carrier,
      trackingNo: row.tracking_no,
      codes: row.codes === null ? null : [...row.codes],
      version: row.version,
      lines: row.lines.map(({ lineNo, quantity }) => ({ lineNo, quantity })),
      createdAt: row.created_at.toISOString(),
    })),
    refunds: record.refunds.map((row) => ({
      refundId: row.id,
      orderId: row.order_id,
      state: stateOnWire(refundMachine, row.state),
      amount: cash(row.amount, row.currency),
      cause: row.cause,
      kind: row.kind,
      createdAt: row.created_at.toISOString(),
    })),
    stay: record.stay === null ? null : stayOnWire(record.stay, order.currency),
    timeline: record.timeline.map(eventOnWire),
  };
}

export function payOrderOnWire({ payOrder, orders, payments }: PayOrderRecord): z.infer<typeof payOrderSchema> {
  return {
    payOrderId: payOrder.id,
    userId: String(payOrder.user_id),
    payable: money(payOrder.payable, payOrder.currency),
    discount: money(payOrder.discount, payOrder.currency),
    stage: payOrder.stage,
    opensAt: payOrder.opens_at?.toISOString() ?? null,
    couponCode: payOrder.coupon_code,
    points: payOrder.points,
    notices: [...payOrder.notices],
    expiresAt: payOrder.expires_at.toISOString(),
    paidAt: payOrder.paid_at?.toISOString() ?? null,
    createdAt: payOrder.created_at.toISOString(),
    orders: orders.map(summaryOnWire),
    payments: payments.map(paymentOnWire),
  };
}
