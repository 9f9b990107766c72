import type { CoreContext } from '../../core/context.ts';
import type { Result } from '../../core/kernel/errors.ts';
import { systemRandom } from '../../core/kernel/random.ts';
import { createOrder, type Placed } from '../../core/orders/orders.ts';
import type { OrderWish } from '../../core/orders/placing.ts';

export const ADDRESS = { recipient: '李雷', line: '中关村大街 1 号', city: '北京' };
const NEVER = new AbortController().signal;

export interface PlaceOptions extends Partial<Omit<OrderWish, 'items'>> {
  readonly key?: string;
}

/** One piece of each SKU, or as many as are said. */
export function wishFor(
  items: readonly (number | { skuId: number; quantity: number })[],
  options: PlaceOptions = {},
): OrderWish {
  const { key: _, ...rest } = options;
  return {
    userId: 42,
    guest: false,
    type: 'physical',
    address: ADDRESS,
    items: items.map((item) => (typeof item === 'number' ? { skuId: item, quantity: 1 } : item)),
    ...rest,
  };
}

/** Places an order by the command, under a key of its own unless one is given. */
export function place(
  ctx: CoreContext,
  items: readonly (number | { skuId: number; quantity: number })[],
  options: PlaceOptions = {},
): Promise<Result<Placed>> {
  const key = options.key ?? `key-${systemRandom.int(2 ** 48)}`;
  return createOrder(ctx, 'a shop', wishFor(items, options), key, NEVER);
}

/** The same, demanding that it succeeds. */
export async function placed(...args: Parameters<typeof place>): Promise<Placed['created']> {
  const result = await place(...args);
  if (!result.ok) throw new Error(`${result.code}: ${result.detail}`);
  return result.value.created;
}
