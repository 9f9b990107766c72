import type { CoreContext } from '../context.ts';
import { monotonicMs, sleep } from '../kernel/clock.ts';
import { CommitUnknown, DatabaseUnavailable } from '../kernel/db/failures.ts';
import { type Refusal, refuse } from '../kernel/errors.ts';
import { Holding, releaseHoldingsOf } from '../kernel/holding.ts';
import { newId } from '../kernel/ids.ts';
import type { Metrics } from '../kernel/metrics.ts';
import { readObstacles } from '../payorders/payorders.ts';
import { refuseBlocked } from '../users/users.ts';
import { findByKey } from './orders.store.ts';
import { place } from './orders.ts';
import { type OrderRequest, refuseReusedKey } from './placing.ts';
import { countBroken, readBacklog, readHead, type TicketRow } from './tickets.store.ts';
import { endInOrder, refuseTicket } from './tickets.ts';

/** How many of the head are looked at in one go. */
const BATCH = 50;
/** How long the rate may be saved up, so that a pause is not followed by a burst. */
const BURST_MS = 200;
const TURN_MS = 50;
const IDLE_MS = 250;
/** How often what waits is counted for the metrics. */
const COUNT_MS = 2_000;
/** A ticket that breaks on our side so often is given up, so that the queue goes on. */
const MAX_BROKEN = 5;

export interface DrainReport {
  readonly placed: number;
  readonly refused: number;
  /** Left where they are: our side did not answer, or broke. */
  readonly kept: number;
}

/**
 * Serves up to `limit` tickets of the head of the queue, each by the pipeline that places every order. Those that want the
 * same SKU or coupon, or are of one user, are served one after the other in the queue's order; all others together.
 */
export async function drainOnce(ctx: CoreContext, limit: number, signal: AbortSignal): Promise<DrainReport> {
  const report = { placed: 0, refused: 0, kept: 0 };
  const tails = new Map<string, Promise<unknown>>();
  const head = await readHead(ctx.db, limit);
  await Promise.all(
    head.map((ticket) => {
      const keys = keysOf(ticket);
      const before = keys.map((key) => tails.get(key));
      const served = Promise.all(before).then(async () => {
        report[await serve(ctx, ticket, signal)] += 1;
      });
      for (const key of keys) tails.set(key, served);
      return served;
    }),
  );
  return report;
}

/** What two tickets may not want at the same time without the earlier one coming first. */
function keysOf({ user_id, wish: { wish } }: TicketRow): string[] {
  const coupon = wish.couponCode === undefined ? [] : [`coupon ${wish.couponCode}`];
  // A row may hold what no release of ours can read: it is `serve` that finds that out, for this ticket alone.
  const items = Array.isArray(wish.items) ? wish.items : [];
  return [`user ${user_id}`, ...coupon, ...new Set(items.map((item) => `sku ${item.skuId}`))];
}

async function serve(ctx: CoreContext, ticket: TicketRow, signal: AbortSignal): Promise<keyof DrainReport> {
  if (signal.aborted) return 'kept';
  try {
    return await serveOne(ctx, ticket, signal);
  } catch (error) {
    // A database that is away is no fault of the ticket; an order that may have been written will be found by its key.
    if (error instanceof DatabaseUnavailable || error instanceof CommitUnknown || signal.aborted) return 'kept';
    ctx.log.error({ err: error, ticket: ticket.id }, 'a ticket could not be served');
    if ((await countBroken(ctx.db, ticket.id)) < MAX_BROKEN) return 'kept';
    await refuseTicket(
      ctx,
      ticket.id,
      refuse('internal', 'The order could not be placed: something broke on our side.'),
    );
    return 'refused';
  }
}

async function serveOne(ctx: CoreContext, ticket: TicketRow, signal: AbortSignal): Promise<keyof DrainReport> {
  const request: OrderRequest = {
    ...ticket.wish,
    actor: ticket.actor,
    key: ticket.idempotency_key,
    digest: ticket.body_digest,
    ticketId: ticket.id,
  };
  const placed = await place(ctx, request, signal);
  if (placed.ok) return 'placed';
  // It was served or cancelled meanwhile.
  if (placed.code === 'wrong_state') return 'kept';
  const reason = await whyRefused(ctx, ticket, placed);
  if (reason === null) return 'placed';
  // Our side cannot do it just now.
  if (reason.code === 'unavailable' || reason.code === 'overloaded') return 'kept';
  await refuseTicket(ctx, ticket.id, reason);
  return 'refused';
}

/**
 * Why a ticket becomes no order. What refuses it may be the order that its key has already: that holds the last piece or the
 * coupon. Null: there is one, and the ticket ends in it.
 */
async function whyRefused(ctx: CoreContext, ticket: TicketRow, refusal: Refusal): Promise<Refusal | null> {
  const [first] = await findByKey(ctx.db, ticket.user_id, ticket.idempotency_key);
  if (first !== undefined) {
    if (first.body_digest !== ticket.body_digest) return refuseReusedKey();
    await endInOrder(ctx, ticket.id, first.pay_order_id);
    return null;
  }
  if (refusal.code !== 'idempotency_key_reused') return refusal;
  // No pay order was opened, and none has the key: the user was blocked, or what was in the way is gone by now.
  const { blocked } = await readObstacles(ctx.db, ticket.user_id);
  return blocked ? refuseBlocked(ticket.user_id) : refuse('unavailable', 'The order could not be opened.');
}

/**
 * Drains the queue of stored-up orders (蓄洪放行) at the configured rate. Every core runs one; the one that holds the lease
 * works, and another takes over within 30 s when it dies. Two at work for a moment serve no ticket twice: a ticket moves
 * in the transaction that writes its order.
 */
export class FloodDrain implements AsyncDisposable {
  readonly #ctx: CoreContext;
  readonly #holding: Holding;
  readonly #stop = new AbortController();
  readonly #work: Promise<void>;
  #backlog: { readonly waiting: number; readonly oldest: Date | null } | undefined;
  #countedMs = Number.NEGATIVE_INFINITY;

  private constructor(ctx: CoreContext, instance: string, metrics: Metrics) {
    this.#ctx = ctx;
    const holder = `${prefixOf(instance)}${newId('d', ctx.clock, ctx.random)}`;
    this.#holding = new Holding({ sql: ctx.db, name: 'flood-drain', holder, log: ctx.log });
    // Only who drains tells, so that the sum over all cores is the queue.
    metrics.atScrape('floodBacklog', (put) => {
      if (this.#backlog !== undefined) put({}, this.#backlog.waiting);
    });
    metrics.atScrape('floodOldest', (put) => {
      if (this.#backlog !== undefined) put({}, this.#ageSeconds(this.#backlog.oldest));
    });
    this.#work = this.#run();
  }

  /** Takes over at once what the one of the same name held when it died. */
  static async start(ctx: CoreContext, instance: string, metrics: Metrics): Promise<FloodDrain> {
    await releaseHoldingsOf(ctx.db, prefixOf(instance));
    return new FloodDrain(ctx, instance, metrics);
  }

  #ageSeconds(since: Date | null): number {
    return since === null ? 0 : Math.max(0, (this.#ctx.clock.now().getTime() - since.getTime()) / 1000);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const { perSecond } = this.#ctx.terms.flood;
    const most = Math.max(1, (perSecond * BURST_MS) / 1000);
    let allowance = most;
    let lastMs = monotonicMs();
    while (!signal.aborted) {
      const nowMs = monotonicMs();
      allowance = Math.min(most, allowance + ((nowMs - lastMs) / 1000) * perSecond);
      lastMs = nowMs;
      const served = this.#holding.held ? await this.#turn(Math.min(BATCH, Math.floor(allowance)), signal) : 0;
      if (!this.#holding.held) this.#backlog = undefined;
      allowance -= served;
      await sleep(served === 0 && allowance >= 1 ? IDLE_MS : TURN_MS, signal);
    }
  }

  /** Returns how many tickets cost a part of the rate. */
  async #turn(limit: number, signal: AbortSignal): Promise<number> {
    try {
      if (monotonicMs() - this.#countedMs >= COUNT_MS) {
        this.#backlog = await readBacklog(this.#ctx.db);
        this.#countedMs = monotonicMs();
      }
      if (limit === 0) return 0;
      const { placed, refused, kept } = await drainOnce(this.#ctx, limit, signal);
      return placed + refused + kept;
    } catch (error) {
      this.#ctx.log.warn({ err: error }, 'the queue could not be drained; trying again');
      return limit;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#work;
    await this.#holding[Symbol.asyncDispose]();
  }
}

function prefixOf(instance: string): string {
  return `drain/${instance}/`;
}
