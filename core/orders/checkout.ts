import { readCartRow, readItems } from '../carts/carts.store.ts';
import { refuseUnknown } from '../carts/carts.ts';
import type { CoreContext } from '../context.ts';
import { canonicalJson, sha256 } from '../kernel/canonical.ts';
import { ok, type Result, refuse } from '../kernel/errors.ts';
import type { Money } from '../kernel/money.ts';
import { checkDetails } from './orders.ts';
import type { OrderRequest, OrderWish } from './placing.ts';
import type { Item } from './pricing.ts';
import { findEarlier, type Submitted, submit } from './submit.ts';

/** What is bought of a cart, and how; quantities are those of the cart. */
export interface CheckoutWish extends Omit<OrderWish, 'items' | 'guest'> {
  readonly cartId: string;
  /** Some of its lines, with the price that the shopper saw; undefined: all of them. */
  readonly lines?: readonly { readonly skuId: number; readonly expectedPrice?: Money | undefined }[] | undefined;
}

/**
 * Buys a user's cart, or some lines of it (结算), by the same pipeline as every order. The bought lines leave the cart in the
 * transaction that writes the order; stored up, they leave it when the ticket's turn comes. A line that was changed
 * meanwhile, or is bought by another checkout, refuses this one: nothing is bought twice.
 *
 * Refuses: as `createOrder`; `cart_unknown`, `cart_empty` (nothing of what was named is in it), `cart_changed`.
 */
export async function checkoutCart(
  ctx: CoreContext,
  actor: string,
  checkout: CheckoutWish,
  key: string,
  signal: AbortSignal,
): Promise<Result<Submitted>> {
  const { cartId, lines: _, ...rest } = checkout;
  // Of what was asked for, not of what the cart holds: it is empty when the request is sent again.
  const digest = sha256(canonicalJson(checkout));
  const items = await chosenLines(ctx, checkout);
  const wish: OrderWish = { ...rest, guest: false, items: items.ok ? items.value : [] };
  const details = checkDetails(wish);
  if (!details.ok) return details;
  const cart = { cartId, lines: wish.items.map(({ skuId, quantity }) => ({ skuId, quantity })) };
  const request: OrderRequest = { actor, wish, key, digest, details: details.value, ticketId: null, cart };
  if (items.ok) return submit(ctx, request, signal);
  return (await findEarlier(ctx, request)) ?? items;
}

async function chosenLines(ctx: CoreContext, { cartId, userId, lines }: CheckoutWish): Promise<Result<Item[]>> {
  const [row, items] = await Promise.all([readCartRow(ctx.db, cartId), readItems(ctx.db, cartId)]);
  if (row === null || row.user_id !== userId) return refuseUnknown(cartId);
  const wanted = lines ?? items.map((item) => ({ skuId: item.sku_id, expectedPrice: undefined }));
  const quantities = new Map(items.map((item) => [item.sku_id, item.quantity]));
  const missing = wanted.filter(({ skuId }) => !quantities.has(skuId));
  if (wanted.length === 0) return refuse('cart_empty', `Nothing is in cart ${cartId}.`);
  if (missing.length > 0) {
    return refuse('cart_empty', `SKU ${missing[0]?.skuId} is not in cart ${cartId}.`, {
      errors: missing.slice(0, 20).map(({ skuId }) => ({ path: 'lines', message: `SKU ${skuId} is not in the cart` })),
    });
  }
  return ok(wanted.map(({ skuId, expectedPrice }) => ({ skuId, quantity: quantities.get(skuId) ?? 0, expectedPrice })));
}
