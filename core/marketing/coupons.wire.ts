import { z } from '@hono/zod-openapi';
import { moneySchema } from '../kernel/http/values.ts';
import { wire } from '../kernel/http/wire.ts';
import { COUPON_KINDS } from './coupon-terms.ts';
import type { Coupon } from './coupons.ts';

export const couponCode = z.string().regex(/^[A-Za-z0-9_-]{4,40}$/, 'must be 4 to 40 letters, digits, _ or -');

export const COUPON_EXAMPLE = {
  code: 'SPRING10',
  userId: '1001',
  campaignId: null,
  kind: 'threshold' as const,
  amount: { amount: 1000, currency: 'CNY' as const },
  threshold: { amount: 5000, currency: 'CNY' as const },
  basisPoints: null,
  validFrom: null,
  validUntil: '2027-01-01T00:00:00.000Z',
  state: 'available' as const,
  payOrderId: null,
};

export const couponSchema = wire
  .object({
    code: z.string(),
    userId: z.string().nullable(),
    campaignId: z.string().nullable(),
    kind: z.enum(COUPON_KINDS),
    amount: moneySchema.openapi({ description: 'What it takes off; of a percentage, the most that it takes off' }),
    threshold: moneySchema,
    basisPoints: z.int().nullable(),
    validFrom: wire.time.nullable(),
    validUntil: wire.time,
    state: z.enum(['available', 'locked', 'used', 'void']),
    payOrderId: z.string().nullable(),
  })
  .openapi('Coupon', { example: COUPON_EXAMPLE });

export function couponOnWire(coupon: Coupon): z.infer<typeof couponSchema> {
  return {
    ...coupon,
    userId: coupon.userId === null ? null : String(coupon.userId),
    validFrom: coupon.validFrom?.toISOString() ?? null,
    validUntil: coupon.validUntil.toISOString(),
  };
}
