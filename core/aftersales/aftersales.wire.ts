import { z } from '@hono/zod-openapi';
import { label, moneySchema, orderNumber, stateOnWire, stateSchema } from '../kernel/http/values.ts';
import { wire } from '../kernel/http/wire.ts';
import { money } from '../kernel/money.ts';
import { refundMachine } from '../refunds/refunds.machine.ts';
import type { RefundRow } from '../refunds/refunds.store.ts';
import type { RefundLineView } from './aftersales.store.ts';

export const kindSchema = z.enum(['refund', 'return', 'exchange']).openapi({
  description: 'Money only (仅退款); goods back and money (退货退款); goods back and the same anew (换货).',
});

export const refundBody = wire
  .object({
    orderId: orderNumber,
    kind: kindSchema.default('refund'),
    lines: z
      .array(wire.object({ lineNo: z.int().min(1).max(2_000), quantity: z.int().min(1).max(100_000) }))
      .min(1)
      .max(2_000)
      .optional()
      .openapi({ description: 'Left out: every piece that no other refund speaks of.' }),
    reason: label(500),
  })
  .openapi('NewRefund');

export const refundSchema = wire
  .object({
    refundId: z.string(),
    orderId: z.string().nullable(),
    payOrderId: z.string(),
    state: stateSchema,
    kind: kindSchema,
    entrance: z.enum(['user', 'merchant', 'system']),
    cause: z.string(),
    reason: z.string().nullable(),
    amount: moneySchema.openapi({ description: 'Cash that goes back.' }),
    subsidy: moneySchema.openapi({ description: 'The part that marketing had paid.' }),
    penalty: moneySchema,
    withheld: moneySchema,
    requestedBy: z.string().nullable(),
    decidedBy: z.string().nullable(),
    returnCarrier: z.string().nullable(),
    returnTrackingNo: z.string().nullable(),
    lines: z.array(
      wire.object({
        lineNo: z.int(),
        quantity: z.int(),
        cash: moneySchema,
        subsidy: moneySchema,
        /** Pieces that never left, that come back, and that the shopper keeps. */
        dropped: z.int(),
        returning: z.int(),
        kept: z.int(),
      }),
    ),
    createdAt: wire.time,
  })
  .openapi('Refund', { example: example() });

function example() {
  const cny = (amount: number) => ({ amount, currency: 'CNY' as const });
  return {
    refundId: 'ref_01jd0000000000000000000000',
    orderId: '1795557627000001001',
    payOrderId: '1795557627000001000',
    state: { code: 'R1', name: 'REFUND_APPROVING' },
    kind: 'return' as const,
    entrance: 'user' as const,
    cause: 'requested',
    reason: 'too small',
    amount: cny(7_900),
    subsidy: cny(0),
    penalty: cny(0),
    withheld: cny(0),
    requestedBy: 'shop',
    decidedBy: null,
    returnCarrier: null,
    returnTrackingNo: null,
    lines: [{ lineNo: 1, quantity: 1, cash: cny(7_900), subsidy: cny(0), dropped: 0, returning: 0, kept: 0 }],
    createdAt: '2026-11-11T00:00:00.000Z',
  };
}

export function refundOnWire(row: RefundRow, lines: readonly RefundLineView[]): z.infer<typeof refundSchema> {
  const cash = (amount: number) => money(amount, row.currency);
  return {
    refundId: row.id,
    orderId: row.order_id,
    payOrderId: row.pay_order_id,
    state: stateOnWire(refundMachine, row.state),
    kind: row.kind,
    entrance: row.entrance,
    cause: row.cause,
    reason: row.reason,
    amount: cash(row.amount),
    subsidy: cash(row.subsidy),
    penalty: cash(row.penalty),
    withheld: cash(row.withheld),
    requestedBy: row.requested_by,
    decidedBy: row.decided_by,
    returnCarrier: row.return_carrier,
    returnTrackingNo: row.return_tracking_no,
    lines: lines.map(({ cash: own, subsidy, ...line }) => ({ ...line, cash: cash(own), subsidy: cash(subsidy) })),
    createdAt: row.created_at.toISOString(),
  };
}
