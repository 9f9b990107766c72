import { z } from '@hono/zod-openapi';
import { refuse } from '../../kernel/errors.ts';
import { wire } from '../../kernel/http/wire.ts';
import type { OrderType } from '../order-type.ts';

/**
 * Top-ups (充值): mobile data, airtime, a game's balance. What is delivered is an effect at the account, not a code; when it
 * cannot be delivered the money goes back.
 */
export default {
  id: 'topup',
  details: wire.object({
    /** The phone number or account that is topped up: a wrong one cannot be taken back, so its shape is checked. */
    account: z
      .string()
      .regex(
        /^(\+?[0-9]{5,20}|[A-Za-z0-9._@-]{3,64})$/,
        'must be a phone number of 5 to 20 digits, or an account name',
      ),
  }),
  example: { account: '13800000000' },
  needsAddress: false,
  refuse(lines) {
    const shipped = lines.filter((line) => line.goodsKind === 'physical');
    const [first] = shipped;
    if (first === undefined) return null;
    return refuse('order_type_mismatch', `SKU ${first.skuId} is shipped; order it as type physical.`, {
      errors: shipped.slice(0, 20).map((line) => ({ path: `items.${line.index}.skuId`, message: 'is shipped' })),
    });
  },
} satisfies OrderType;
