import { z } from '@hono/zod-openapi';
import { moneySchema, numericId } from '../kernel/http/values.ts';
import { wire } from '../kernel/http/wire.ts';
import { MAX_PIECES } from './carts.ts';
import type { CartView } from './carts.view.ts';

export const cartParams = wire.object({
  cartId: z.string().regex(/^crt_[0-9a-z]{26}$/, 'must be a cart as POST /v1/carts answered it'),
});
export const itemParams = wire.object({ ...cartParams.shape, skuId: numericId });

/** Whose cart it is: a user's by the number, a visitor's by the token. */
export const ownerQuery = wire.object({
  userId: numericId.optional().openapi({ type: 'string', description: "Of a user's cart.", example: '1001' }),
});
export const ownerHeaders = z.object({
  'cart-token': z
    .string()
    .max(200)
    .optional()
    .openapi({ description: "Of a visitor's cart: the token that POST /v1/carts answered." }),
});

export const quantity = z.int().min(1).max(MAX_PIECES);

export const cartSchema = wire
  .object({
    cartId: z.string(),
    userId: z.string().nullable().openapi({ description: "null: a visitor's" }),
    lines: z.array(
      wire.object({
        skuId: z.string(),
        name: z.string().nullable(),
        quantity: z.int(),
        unitPrice: moneySchema.nullable().openapi({ description: "Today's price; null for a SKU that is no more." }),
        addedPrice: moneySchema,
        onShelf: z.boolean(),
        available: z.int().nullable().openapi({ description: 'Pieces on hand; null: not counted.' }),
        notices: z.array(z.enum(['price_changed', 'off_shelf', 'sold_out', 'too_few', 'unknown_sku'])),
        addedAt: wire.time,
      }),
    ),
  })
  .openapi('Cart', {
    example: {
      cartId: 'crt_01kavw2m3n8q4r5s6t7v8w9x0y',
      userId: '1001',
      lines: [
        {
          skuId: '100001',
          name: '男士纯棉T恤 白色 L',
          quantity: 2,
          unitPrice: { amount: 6900, currency: 'CNY' },
          addedPrice: { amount: 7900, currency: 'CNY' },
          onShelf: true,
          available: 98,
          notices: ['price_changed'],
          addedAt: '2026-11-10T12:00:00.000Z',
        },
      ],
    },
  });

export function cartOnWire({ cartId, userId, lines }: CartView): z.infer<typeof cartSchema> {
  return {
    cartId,
    userId: userId === null ? null : String(userId),
    lines: lines.map((line) => ({
      ...line,
      skuId: String(line.skuId),
      notices: [...line.notices],
      addedAt: line.addedAt.toISOString(),
    })),
  };
}
