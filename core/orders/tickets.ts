import { readSellable } from '../catalog/catalog.store.ts';
import type { CoreContext } from '../context.ts';
import { addMs } from '../kernel/clock.ts';
import type { Sql } from '../kernel/db/database.ts';
import { codeOf } from '../kernel/db/failures.ts';
import type { Driver } from '../kernel/driver.ts';
import { ok, type Refusal, type Result, refuse } from '../kernel/errors.ts';
import { newId } from '../kernel/ids.ts';
import { readRow } from '../kernel/machine.ts';
import { readObstacles } from '../payorders/payorders.ts';
import { refuseBlocked } from '../users/users.ts';
import { priceGoods, skusOf } from './orders.ts';
import type { OrderRequest } from './placing.ts';
import type { Item } from './pricing.ts';
import { ticketMachine } from './tickets.machine.ts';
import { serveTicket } from './tickets.serve.ts';
import { readQueueEnds, type StoredWish, type TicketRow } from './tickets.store.ts';

/** A ticket as its shopper sees it. */
export interface Ticket {
  readonly row: TicketRow;
  /** How many are served before it, itself counted; null when it has ended. Cancelled ones ahead still count. */
  readonly position: number | null;
  /** At the configured rate; null when it has ended. */
  readonly waitMs: number | null;
}

const UNIQUE_VIOLATION = '23505';

/**
 * Takes an order into the queue instead of placing it (订单蓄洪): two round trips, no lock, no stock. What could never
 * become an order is refused at once; prices, stock and coupon are looked at again when its turn comes, and the price that
 * holds now is the one that the shopper is held to have seen.
 *
 * Null: the user's key is taken already, by an order or a ticket.
 * Refuses: as `priceGoods`, `user_blocked`, `queue_full` (with the time after which there may be room).
 */
export async function storeUp(ctx: CoreContext, request: OrderRequest): Promise<Result<TicketRow | null>> {
  const { wish, details, cart, actor, key, digest } = request;
  const now = ctx.clock.now();
  const [sellable, ends, obstacles] = await Promise.all([
    readSellable(ctx.db, skusOf(wish), now),
    readQueueEnds(ctx.db),
    readObstacles(ctx.db, wish.userId),
  ]);
  if (obstacles.blocked) return refuseBlocked(wish.userId);
  const goods = priceGoods(request, sellable, now);
  if (!goods.ok) return goods;
  if (lengthOf(ends) >= ctx.terms.flood.capacity) return refuseFull(ctx);
  const expiresAt = addMs(now, ctx.terms.flood.waitMs);
  const seen = goods.value.lines.map((line): Item => {
    const expectedPrice = { amount: line.unitPrice, currency: goods.value.currency };
    return { skuId: line.skuId, quantity: line.quantity, expectedPrice };
  });
  const stored: StoredWish = { wish: { ...wish, items: seen }, details, cart };
  try {
    const row = await ctx.mover.create<TicketRow, typeof ticketMachine>(ctx.db, ticketMachine, {
      id: newId('tkt', ctx.clock, ctx.random),
      columns: {
        user_id: wish.userId,
        idempotency_key: key,
        body_digest: digest,
        actor,
        wish: JSON.stringify(stored),
        expires_at: expiresAt,
        created_at: now,
      },
      dueAt: expiresAt,
      actor,
      reason: 'orders are stored up',
    });
    return ok(row);
  } catch (error) {
    if (codeOf(error) === UNIQUE_VIOLATION) return ok(null);
    throw error;
  }
}

function lengthOf({ first, last }: { readonly first: number | null; readonly last: number | null }): number {
  return first === null || last === null ? 0 : last - first + 1;
}

/** A tenth of the queue is the room that is worth coming back for. */
function refuseFull({ terms }: CoreContext): Refusal {
  const { capacity, perSecond } = terms.flood;
  const retryAfterMs = Math.ceil((capacity / 10 / perSecond) * 1000);
  return refuse('queue_full', `The queue holds ${capacity} orders and takes no more now.`, { meta: { retryAfterMs } });
}

/** The ticket with its place, which costs one look at the head of the queue. Refuses: `ticket_unknown`. */
export async function readTicket(ctx: CoreContext, ticketId: string): Promise<Result<Ticket>> {
  const row = await readRow<TicketRow>(ctx.db, ticketMachine, ticketId);
  return row === null
    ? refuse('ticket_unknown', `There is no ticket ${ticketId}.`)
    : ok(await ticketOf(ctx, ctx.db, row));
}

export async function ticketOf(ctx: CoreContext, sql: Sql, row: TicketRow): Promise<Ticket> {
  if (row.state !== 'QUEUED') return { row, position: null, waitMs: null };
  const { first } = await readQueueEnds(sql);
  // One whose number is smaller may have been committed later: then it is the head itself.
  const position = Math.max(1, row.seq - (first ?? row.seq) + 1);
  return { row, position, waitMs: Math.ceil((position / ctx.terms.flood.perSecond) * 1000) };
}

/**
 * The shopper does not want to wait any longer. Repeating it changes nothing.
 *
 * Refuses: `ticket_unknown`, `wrong_state` (it has become an order, which is cancelled as such; or was refused).
 */
export async function cancelTicket(ctx: CoreContext, actor: string, ticketId: string): Promise<Result<Ticket>> {
  const moved = await ctx.mover.move<TicketRow, typeof ticketMachine, 'QUEUED'>(ctx.db, ticketMachine, {
    id: ticketId,
    from: 'QUEUED',
    to: 'CANCELLED',
    actor,
    reason: 'did not want to wait',
  });
  if (moved.row === null) return refuse('ticket_unknown', `There is no ticket ${ticketId}.`);
  if (moved.kind !== 'elsewhere') return ok({ row: moved.row, position: null, waitMs: null });
  const became = moved.row.pay_order_id === null ? 'was refused' : `became pay order ${moved.row.pay_order_id}`;
  return refuse('wrong_state', `Ticket ${ticketId} ${became}; only a waiting one is cancelled here.`);
}

/** The ticket ends in an order that its key has already, such as one whose commit nobody heard of. */
export async function endInOrder(ctx: CoreContext, ticketId: string, payOrderId: string): Promise<void> {
  await ctx.db.tx((tx) => serveTicket(ctx, tx, ticketId, payOrderId));
}

/** The ticket ends in a reason. False: it has ended before. */
export async function refuseTicket(ctx: CoreContext, ticketId: string, refusal: Refusal): Promise<boolean> {
  const { code, detail, errors } = refusal;
  const moved = await ctx.mover.move(ctx.db, ticketMachine, {
    id: ticketId,
    from: 'QUEUED',
    to: 'REFUSED',
    set: { refusal: JSON.stringify({ code, detail, errors }) },
    actor: 'core',
    reason: `${code}: ${detail}`,
  });
  return moved.kind === 'moved';
}

/** A ticket's own clock: one that waited longer than a shopper does is ended. Its turn comes from the drain, not from here. */
export const ticketDriver: Driver<TicketRow, CoreContext> = {
  machine: ticketMachine,
  scope: () => null,
  async step(ctx, row) {
    if (row.state !== 'QUEUED') return { kind: 'rest' };
    const now = ctx.clock.now();
    if (row.expires_at > now) return { kind: 'wait', ms: row.expires_at.getTime() - now.getTime() };
    const minutes = Math.round((row.expires_at.getTime() - row.created_at.getTime()) / 60_000);
    await refuseTicket(ctx, row.id, refuse('ticket_expired', `Its turn did not come within ${minutes} minutes.`));
    return { kind: 'moved' };
  },
};
