import { z } from '@hono/zod-openapi';
import { moneySchema } from '../../kernel/http/values.ts';
import { wire } from '../../kernel/http/wire.ts';
import { money } from '../../kernel/money.ts';
import { PRICE_TYPES } from './effective.ts';
import type { DatedPrice } from './prices.ts';

export const priceSchema = wire
  .object({
    priceId: z.string(),
    skuId: z.string(),
    type: z.enum(PRICE_TYPES),
    price: moneySchema,
    free: z.boolean(),
    from: wire.time,
    to: wire.time.nullable().openapi({ description: 'Not included; null: without end' }),
    snapshotId: z.string(),
    createdAt: wire.time,
  })
  .openapi('Price', {
    example: {
      priceId: '1',
      skuId: '100001',
      type: 'flash',
      price: { amount: 5900, currency: 'CNY' },
      free: false,
      from: '2099-11-11T00:00:00.000Z',
      to: '2099-11-11T02:00:00.000Z',
      snapshotId: '5f2c0e6f4b0a4c7f0d8a4bb0f6f0f6de0a51b5d9f4a1a6c1e7d3c2b1a0f9e8d7',
      createdAt: '2099-11-01T08:00:00.000Z',
    },
  });

export const priceWish = wire.object({
  type: z.enum(PRICE_TYPES),
  price: moneySchema,
  free: z.boolean().optional(),
  from: wire.time.optional().openapi({ description: 'Default: now' }),
  to: wire.time.optional().openapi({ description: 'Not included. Needed for a promotion and a flash price' }),
});

export function priceOnWire({ row, currency }: DatedPrice): z.infer<typeof priceSchema> {
  return {
    priceId: String(row.id),
    skuId: String(row.sku_id),
    type: row.type,
    price: money(row.amount, currency),
    free: row.free,
    from: row.effective_from.toISOString(),
    to: row.effective_to?.toISOString() ?? null,
    snapshotId: row.snapshot_id,
    createdAt: row.created_at.toISOString(),
  };
}
