import type { CoreContext } from '../context.ts';
import { canonicalJson, sha256 } from '../kernel/canonical.ts';
import { ok, type Result, refuse } from '../kernel/errors.ts';
import { readObstacles } from '../payorders/payorders.ts';
import { refuseBlocked } from '../users/users.ts';
import { findByKey } from './orders.store.ts';
import { checkDetails, place } from './orders.ts';
import { type CreatedOrder, createdBefore, type OrderRequest, type OrderWish, refuseReusedKey } from './placing.ts';
import { findTicket, type TicketRow } from './tickets.store.ts';
import { storeUp } from './tickets.ts';

/** How often what has been in the way and is gone again is tried anew. */
const TRIES = 3;

/** What became of an order that was asked for; `replayed`: already before, under the same key. */
export type Submitted =
  | { readonly kind: 'placed'; readonly created: CreatedOrder; readonly replayed: boolean }
  | { readonly kind: 'queued'; readonly ticket: TicketRow; readonly replayed: boolean };

/**
 * Takes an order: places it at once, or, while orders are stored up (订单蓄洪) or are still waiting, gives it a ticket.
 *
 * `key` is unique per user over orders and tickets: the same key with the same wish answers the first result, with another
 * one it is refused.
 *
 * Refuses: as `checkDetails` and `place` or `storeUp`; `user_blocked`, `idempotency_key_reused`.
 */
export async function createOrder(
  ctx: CoreContext,
  actor: string,
  wish: OrderWish,
  key: string,
  signal: AbortSignal,
): Promise<Result<Submitted>> {
  const details = checkDetails(wish);
  if (!details.ok) return details;
  const digest = sha256(canonicalJson({ ...wish, details: details.value }));
  return submit(ctx, { actor, wish, key, digest, details: details.value, ticketId: null, cart: null }, signal);
}

export async function submit(ctx: CoreContext, request: OrderRequest, signal: AbortSignal): Promise<Result<Submitted>> {
  const { userId } = request.wish;
  for (let tries = 0; tries < TRIES; tries += 1) {
    if (!ctx.guard.isOn('orders.direct', { user: String(userId) })) return queue(ctx, request);
    const placed = await place(ctx, request, signal);
    if (placed.ok) return ok({ kind: 'placed', created: placed.value, replayed: false });
    // What refuses a request sent again may be its own first success: the last piece sold, the coupon locked, the key
    // taken. So the key is looked up when something refuses, and costs the good way nothing.
    const earlier = await findEarlier(ctx, request);
    if (earlier !== null) return earlier;
    const obstacles = await readObstacles(ctx.db, userId);
    if (obstacles.blocked) return refuseBlocked(userId);
    if (placed.code !== 'idempotency_key_reused') return placed;
    if (obstacles.queue) return queue(ctx, request);
    // What stood in the way is gone by now: the queue has run empty, or the faster request was rolled back.
  }
  return refuse('unavailable', 'Others were at this just now; send it again.', { meta: { retryAfterMs: 1_000 } });
}

async function queue(ctx: CoreContext, request: OrderRequest): Promise<Result<Submitted>> {
  // An order of the same key may have been placed before orders were stored up; and a ticket that is asked for again must
  // not try to queue up: each try takes a number, and the queue would seem longer than it is.
  const before = await findEarlier(ctx, request);
  if (before !== null) return before;
  const stored = await storeUp(ctx, request);
  if (stored.ok && stored.value !== null) return ok({ kind: 'queued', ticket: stored.value, replayed: false });
  const faster = await findEarlier(ctx, request);
  if (faster !== null) return faster;
  return stored.ok ? refuseReusedKey() : stored;
}

/** What an earlier request of the same key came to; null: there was none. */
export async function findEarlier(
  ctx: CoreContext,
  { wish, key, digest }: OrderRequest,
): Promise<Result<Submitted> | null> {
  const [orders, ticket] = await Promise.all([
    findByKey(ctx.db, wish.userId, key),
    findTicket(ctx.db, wish.userId, key),
  ]);
  const [first] = orders;
  if (first !== undefined) {
    if (first.body_digest !== digest) return refuseReusedKey();
    return ok({ kind: 'placed', created: createdBefore(first, orders), replayed: true });
  }
  if (ticket === null) return null;
  return ticket.body_digest === digest ? ok({ kind: 'queued', ticket, replayed: true }) : refuseReusedKey();
}
