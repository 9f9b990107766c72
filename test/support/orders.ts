import type { CoreContext } from '../../core/context.ts';
import { ok, type Result } from '../../core/kernel/errors.ts';
import { systemRandom } from '../../core/kernel/random.ts';
import type { OrderWish } from '../../core/orders/placing.ts';
import { createOrder, type Submitted } from '../../core/orders/submit.ts';

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

/** What became of an order that was placed, not stored up. */
export type Placed = Omit<Extract<Submitted, { kind: 'placed' }>, 'kind'>;

/** Asks for an order by the command, under a key of its own unless one is given. */
export function submitted(
  ctx: CoreContext,
  items: readonly (number | { skuId: number; quantity: number })[],
  options: PlaceOptions = {},
): Promise<Result<Submitted>> {
  const key = options.key ?? `key-${systemRandom.int(2 ** 48)}`;
  return createOrder(ctx, 'a shop', wishFor(items, options), key, NEVER);
}

/** The same where orders are not stored up. */
export async function place(...args: Parameters<typeof submitted>): Promise<Result<Placed>> {
  const result = await submitted(...args);
  if (!result.ok) return result;
  if (result.value.kind === 'queued') throw new Error('it was stored up');
  const { created, replayed } = result.value;
  return ok({ created, replayed });
}

/** The same, demanding that it succeeds. */
export async function placed(...args: Parameters<typeof place>): Promise<Placed['created']> {
  const result = await place(...args);
  if (!result.ok) throw new Error(`${result.code}: ${result.detail}`);
  return result.value.created;
}
