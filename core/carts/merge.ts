import type { CoreContext } from '../context.ts';
import type { Tx } from '../kernel/db/database.ts';
import { catchRefusal, RefusalError, type Result } from '../kernel/errors.ts';
import { newId } from '../kernel/ids.ts';
import {
  type ItemRow,
  lockTemporary,
  lockUserCart,
  markMerged,
  putItems,
  readCartRow,
  readItems,
  removeItems,
} from './carts.store.ts';
import { MAX_LINES, MAX_PIECES, refuseUnknown } from './carts.ts';
import { type CartView, viewOf } from './carts.view.ts';
import type { CartToken } from './tokens.ts';

export interface Merged {
  readonly cart: CartView;
  /** SKUs whose pieces together would have been more than a line may have. */
  readonly capped: readonly number[];
  /** SKUs for which the user's cart had no line left: the oldest of the visitor's. */
  readonly dropped: readonly number[];
}

/**
 * The visitor has logged in (登录合并): the lines of the temporary cart go into the user's, the same SKU adds up, bounded by
 * what a line and a cart may hold. A log-in never fails for a full cart: what does not fit is named. The temporary cart is
 * emptied once; merging again, also at the same time, adds nothing.
 *
 * Refuses: `cart_unknown` (it was merged into another user's).
 */
export async function mergeCart(ctx: CoreContext, token: CartToken, userId: number): Promise<Result<Merged>> {
  return catchRefusal(() => ctx.db.tx((tx) => merge(ctx, tx, token, userId)));
}

/** Locks the temporary cart first and the user's second, as everybody who needs both does. */
async function merge(ctx: CoreContext, tx: Tx, token: CartToken, userId: number): Promise<Merged> {
  const now = ctx.clock.now();
  const temporary = await lockTemporary(tx, token.cartId, token.expiresAt, now);
  const cart = await lockUserCart(tx, userId, newId('crt', ctx.clock, ctx.random), now);
  if (temporary === null) {
    const before = await readCartRow(tx, token.cartId);
    if (before?.merged_into !== userId) throw new RefusalError(refuseUnknown(token.cartId));
    return { cart: await viewOf(tx, cart.id, userId, now), capped: [], dropped: [] };
  }
  const [moving, present] = await Promise.all([readItems(tx, token.cartId), readItems(tx, cart.id)]);
  const { items, capped, dropped } = addUp(moving, present);
  await Promise.all([
    putItems(tx, cart.id, items),
    removeItems(tx, token.cartId, null),
    markMerged(tx, token.cartId, userId),
  ]);
  return { cart: await viewOf(tx, cart.id, userId, now), capped, dropped };
}

function addUp(moving: readonly ItemRow[], present: readonly ItemRow[]) {
  const bySku = new Map(present.map((item) => [item.sku_id, item]));
  let room = MAX_LINES - present.length;
  const items: ItemRow[] = [];
  const capped: number[] = [];
  const dropped: number[] = [];
  for (const item of moving) {
    const known = bySku.get(item.sku_id);
    if (known === undefined && room === 0) {
      dropped.push(item.sku_id);
      continue;
    }
    if (known === undefined) room -= 1;
    const quantity = item.quantity + (known?.quantity ?? 0);
    if (quantity > MAX_PIECES) capped.push(item.sku_id);
    items.push({ ...(known ?? item), quantity: Math.min(MAX_PIECES, quantity) });
  }
  return { items, capped, dropped };
}
