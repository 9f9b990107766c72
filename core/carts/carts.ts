import { readSellable } from '../catalog/catalog.store.ts';
import type { CoreContext } from '../context.ts';
import { addMs } from '../kernel/clock.ts';
import type { Tx } from '../kernel/db/database.ts';
import { catchRefusal, ok, type Refusal, RefusalError, type Result, refuse } from '../kernel/errors.ts';
import { newId } from '../kernel/ids.ts';
import {
  type CartRow,
  deleteExpired,
  type ItemRow,
  lockCartOf,
  lockTemporary,
  lockUserCart,
  putItems,
  readCartRow,
  readItems,
  removeItems,
} from './carts.store.ts';
import { type CartView, viewOf } from './carts.view.ts';
import { type CartTokens, TOKEN_LIFE_MS } from './tokens.ts';

/** Lines of a cart. An order may have more; no shopper's cart has. */
export const MAX_LINES = 500;
/** Pieces of one SKU, as in an order. */
export const MAX_PIECES = 100_000;
/** How many of a line's newest adding requests are remembered. */
const MAX_KEYS = 16;

/** Who owns a cart: a user, or a visitor by a token that was read already. */
export type Owner =
  | { readonly kind: 'user'; readonly userId: number }
  | { readonly kind: 'visitor'; readonly expiresAt: Date };

export function refuseUnknown(cartId: string): Refusal {
  return refuse('cart_unknown', `There is no cart ${cartId} of this owner; a visitor's is over once it was merged.`);
}

/** The cart of a user, made at the first call and the same ever after. */
export async function openUserCart(ctx: CoreContext, userId: number): Promise<CartView> {
  const row = await lockUserCart(ctx.db, userId, newId('crt', ctx.clock, ctx.random), ctx.clock.now());
  return viewOf(ctx.db, row.id, userId, ctx.clock.now());
}

/** A cart for a visitor who has not logged in. Nothing is written before something is put in. */
export function openTemporaryCart(
  ctx: CoreContext,
  tokens: CartTokens,
): { readonly cart: CartView; readonly token: string; readonly expiresAt: Date } {
  const cartId = newId('crt', ctx.clock, ctx.random);
  const expiresAt = addMs(ctx.clock.now(), TOKEN_LIFE_MS);
  return { cart: { cartId, userId: null, lines: [] }, token: tokens.issue(cartId, expiresAt), expiresAt };
}

/** The lines with today's price, stock and shelf. Refuses: `cart_unknown`. */
export async function readCart(ctx: CoreContext, cartId: string, owner: Owner): Promise<Result<CartView>> {
  const row = await readCartRow(ctx.db, cartId);
  const userId = owner.kind === 'user' ? owner.userId : null;
  // A visitor's cart has no row before something was put in.
  if (row === null && userId === null) return ok({ cartId, userId: null, lines: [] });
  if (row === null || row.user_id !== userId || row.merged_into !== null) return refuseUnknown(cartId);
  return ok(await viewOf(ctx.db, cartId, userId, ctx.clock.now()));
}

export interface Put {
  readonly skuId: number;
  readonly quantity: number;
}

/**
 * Sets how many pieces of a SKU are in the cart (1..100,000). Setting the same again changes nothing.
 *
 * Refuses: `cart_unknown`, `sku_unknown`, `sku_off_shelf` (a SKU that is not in the cart yet), `cart_full` (500 lines).
 */
export async function setItem(ctx: CoreContext, cartId: string, owner: Owner, put: Put): Promise<Result<CartView>> {
  return change(ctx, cartId, owner, put.skuId, (line) => ({ ...line, quantity: put.quantity }));
}

/**
 * Puts pieces of a SKU in, besides those that are there. The same `key` with the same number puts them in once.
 *
 * Refuses: as `setItem`; `cart_full` (it would be more than 100,000 pieces), `idempotency_key_reused`.
 */
export async function addItem(
  ctx: CoreContext,
  cartId: string,
  owner: Owner,
  put: Put,
  key: string,
): Promise<Result<CartView>> {
  const entry = `${put.quantity}:${key}`;
  return change(ctx, cartId, owner, put.skuId, (line) => {
    if (line.add_keys.includes(entry)) return line;
    if (line.add_keys.some((known) => known.slice(known.indexOf(':') + 1) === key)) {
      throw new RefusalError(refuse('idempotency_key_reused', 'This Idempotency-Key put in another number of pieces.'));
    }
    const quantity = line.quantity + put.quantity;
    if (quantity > MAX_PIECES) throw new RefusalError(refusePieces(put.skuId, quantity));
    return { ...line, quantity, add_keys: [...line.add_keys, entry].slice(-MAX_KEYS) };
  });
}

function refusePieces(skuId: number, pieces: number): Refusal {
  return refuse('cart_full', `${pieces} pieces of SKU ${skuId} are too many; a cart may have ${MAX_PIECES}.`);
}

async function change(
  ctx: CoreContext,
  cartId: string,
  owner: Owner,
  skuId: number,
  changed: (line: ItemRow) => ItemRow,
): Promise<Result<CartView>> {
  const now = ctx.clock.now();
  const [sku] = await readSellable(ctx.db, [skuId], now);
  if (sku === undefined) return refuse('sku_unknown', `No SKU has the id ${skuId}.`);
  const fresh = {
    sku_id: skuId,
    quantity: 0,
    added_price: sku.price,
    added_currency: sku.currency,
    added_at: now,
    add_keys: [],
  };
  return write(ctx, cartId, owner, async (tx, row) => {
    const items = await readItems(tx, row.id);
    const present = items.find((item) => item.sku_id === skuId);
    if (present === undefined && sku.product_state !== 'ON_SHELF') {
      throw new RefusalError(refuse('sku_off_shelf', `SKU ${skuId} is ${sku.product_state}.`));
    }
    if (present === undefined && items.length >= MAX_LINES) {
      throw new RefusalError(refuse('cart_full', `The cart has ${items.length} lines; it may have ${MAX_LINES}.`));
    }
    await putItems(tx, row.id, [changed(present ?? fresh)]);
  });
}

/** Takes a SKU out; without `skuId` everything. What is not there is no error. Refuses: `cart_unknown`. */
export async function removeItem(
  ctx: CoreContext,
  cartId: string,
  owner: Owner,
  skuId: number | null,
): Promise<Result<CartView>> {
  return write(ctx, cartId, owner, (tx, row) => removeItems(tx, row.id, skuId === null ? null : [skuId]));
}

/** One change behind the cart's lock. The first statement decides whose it is. */
async function write(
  ctx: CoreContext,
  cartId: string,
  owner: Owner,
  work: (tx: Tx, row: CartRow) => Promise<void>,
): Promise<Result<CartView>> {
  return catchRefusal(() =>
    ctx.db.tx(async (tx) => {
      const now = ctx.clock.now();
      const row =
        owner.kind === 'user'
          ? await lockCartOf(tx, cartId, owner.userId)
          : await lockTemporary(tx, cartId, owner.expiresAt, now);
      if (row === null) throw new RefusalError(refuseUnknown(cartId));
      await work(tx, row);
      return viewOf(tx, cartId, row.user_id, now);
    }),
  );
}

/** Deletes temporary carts whose time is over, at most `limit` (1..1000) in one go. Returns how many. */
export async function purgeExpired(ctx: CoreContext, limit: number): Promise<number> {
  return deleteExpired(ctx.db, ctx.clock.now(), Math.max(1, Math.min(limit, 1000)));
}
