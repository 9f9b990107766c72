import { refuse } from '../../kernel/errors.ts';
import { label } from '../../kernel/http/values.ts';
import { wire } from '../../kernel/http/wire.ts';
import type { OrderType } from '../order-type.ts';

/** Goods that are delivered as codes or effects (虚拟商品), such as mobile data. Nothing of it is shipped. */
export default {
  id: 'virtual',
  details: wire.object({
    /** The phone number or account that the effect goes to. */
    account: label(100).optional(),
  }),
  example: { account: 'li.lei' },
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
