import { refuse } from '../../kernel/errors.ts';
import { wire } from '../../kernel/http/wire.ts';
import type { OrderType } from '../order-type.ts';

/** Goods that are shipped (实物商品). Charges and services without weight, such as postage, ride along. */
export default {
  id: 'physical',
  details: wire.object({}),
  example: {},
  needsAddress: true,
  refuse(lines) {
    if (lines.some((line) => line.goodsKind === 'physical')) return null;
    return refuse('order_type_mismatch', 'None of these goods is shipped; order them as type virtual.', {
      errors: [{ path: 'type', message: 'must be virtual for these goods' }],
    });
  },
} satisfies OrderType;
