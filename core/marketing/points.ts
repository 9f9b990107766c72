import type { CoreContext } from '../context.ts';
import { canonicalJson, sha256 } from '../kernel/canonical.ts';
import { addMs } from '../kernel/clock.ts';
import type { Sql, Tx } from '../kernel/db/database.ts';
import { ok, type Result, refuse } from '../kernel/errors.ts';
import { newId } from '../kernel/ids.ts';
import type { Currency } from '../kernel/money.ts';
import * as booking from '../ledger/booking.ts';
import { post } from '../ledger/ledger.ts';
import { logOperation } from '../operations/operation-log.ts';
import { POINTS_LAST_MS, pointsEarnedBy, pointWorth } from './point-terms.ts';
import {
  emptyLots,
  holdPoints,
  insertLot,
  type LotRow,
  lockEnded,
  lotsOfUser,
  markHoldUsed,
  readLot,
  readPoints,
  releaseHold,
} from './points.store.ts';
import { mostPoints } from './shares.ts';

/** Points that somebody gives a user: a promotion, an apology. */
export interface PointsGrant {
  readonly userId: number;
  readonly points: number;
  readonly reason: string;
  /** Left out: a year from now. */
  readonly validUntil?: Date | undefined;
}

/**
 * Grants points. The same `key` of the same actor with the same grant answers the lot of the first time.
 *
 * Refuses: `invalid_request` (over before they are granted), `idempotency_key_reused`.
 */
export async function grantPoints(
  ctx: CoreContext,
  actor: string,
  grant: PointsGrant,
  key: string,
): Promise<Result<{ readonly lot: LotRow; readonly replayed: boolean }>> {
  const now = ctx.clock.now();
  const reference = `${actor}:${key}`;
  const digest = sha256(canonicalJson({ ...grant, validUntil: grant.validUntil?.toISOString() ?? null }));
  const known = await readLot(ctx.db, 'grant', reference);
  if (known !== null) return again(known, digest);
  const expiresAt = grant.validUntil ?? addMs(now, POINTS_LAST_MS);
  if (expiresAt <= now) return refuse('invalid_request', 'The points would be over before they are granted.');
  const { userId, points, reason } = grant;
  const made = await ctx.db.tx(async (tx) => {
    const lot = { source: 'grant' as const, reference, points, expiresAt, digest };
    const fresh = await bring(tx, ctx, userId, lot);
    if (!fresh) return false;
    await post(
      tx,
      ctx.clock,
      booking.pointsEarned({
        reference: `grant:${reference}`,
        payOrderId: null,
        orderId: null,
        reason,
        userId,
        points,
      }),
    );
    const after = { points, reason, validUntil: expiresAt.toISOString() };
    await logOperation(
      tx,
      { actor, entityType: 'points', entityId: String(userId), operation: 'grant', before: null, after },
      now,
    );
    return true;
  });
  const lot = await readLot(ctx.db, 'grant', reference);
  if (lot === null) throw new Error(`broken invariant: the points of ${reference} vanished`);
  return made ? ok({ lot, replayed: false }) : again(lot, digest);
}

function again(lot: LotRow, digest: string): Result<{ readonly lot: LotRow; readonly replayed: boolean }> {
  if (lot.digest === digest) return ok({ lot, replayed: true });
  return refuse('idempotency_key_reused', `This Idempotency-Key granted ${lot.points} points with another body.`);
}

/** A lot, once for its fact. False: it is there already. */
export async function bring(
  sql: Sql,
  ctx: Pick<CoreContext, 'clock' | 'random'>,
  userId: number,
  lot: Pick<LotRow, 'source' | 'reference' | 'points'> & { readonly expiresAt: Date; readonly digest?: string },
): Promise<boolean> {
  const { expiresAt, ...rest } = lot;
  const id = newId('lot', ctx.clock, ctx.random);
  return insertLot(sql, { ...rest, id, user_id: userId, expires_at: expiresAt, created_at: ctx.clock.now() });
}

/** A user's points: what they can spend now, what unpaid orders hold, and the lots, the earliest end first. */
export interface PointsOfUser {
  readonly available: number;
  readonly locked: number;
  readonly lots: readonly LotRow[];
}

export const MAX_LOTS = 100;

export async function pointsOfUser(sql: Sql, userId: number, now: Date): Promise<PointsOfUser> {
  const [sums, lots] = await Promise.all([readPoints(sql, userId, now), lotsOfUser(sql, userId, now, MAX_LOTS)]);
  return { ...sums, lots };
}

/**
 * How many of the wanted points a checkout can be paid with beside its coupon, and what they are worth in minor units.
 * More than it costs are not taken: they stay the shopper's. Whether they have them is seen when they are locked.
 */
export function quotePoints(
  wanted: number,
  amounts: readonly number[],
  coupon: number,
  currency: Currency,
): { readonly points: number; readonly pointsAmount: number } {
  const points = Math.min(wanted, mostPoints(amounts, coupon, currency));
  return { points, pointsAmount: points * pointWorth(currency) };
}

/** Takes the points that a pay order is paid with, in its own transaction. False: the user has not so many. */
export async function lockPoints(
  tx: Sql,
  hold: { readonly payOrderId: string; readonly userId: number; readonly points: number },
  now: Date,
): Promise<boolean> {
  return holdPoints(tx, hold, now);
}

export function refuseTooFew(points: number) {
  return refuse('balance_too_low', `The user has not ${points} points to spend.`);
}

/** The pay order is paid: what it held is spent, in the lots' count and in the ledger's. False when it holds none. */
export async function spendPoints(
  tx: Sql,
  ctx: Pick<CoreContext, 'clock'>,
  payOrder: { readonly id: string; readonly user_id: number; readonly points: number },
): Promise<boolean> {
  const { id, user_id: userId, points } = payOrder;
  const [used] = await Promise.all([
    markHoldUsed(tx, id),
    post(
      tx,
      ctx.clock,
      booking.pointsSpent({ reference: id, payOrderId: id, orderId: null, reason: 'paid with points', userId, points }),
    ),
  ]);
  if (!used) throw new Error(`broken invariant: pay order ${id} is paid with points that it does not hold`);
  return used;
}

/**
 * The pay order is given up: what it held lies in its lots again, with the end that it had. Once, however often it is
 * called.
 */
export async function releasePoints(tx: Sql, payOrderId: string): Promise<boolean> {
  return releaseHold(tx, payOrderId);
}

interface EarningOrder {
  readonly id: string;
  readonly pay_order_id: string;
  readonly user_id: number;
  readonly guest: boolean;
  readonly type: string;
  readonly currency: Currency;
  readonly kept: number;
}

/**
 * An order was received for good (O2→O5): its shopper earns points for the cash that was kept. Once per order. Top-ups and
 * guests earn none.
 */
export async function earnPoints(tx: Tx, ctx: Pick<CoreContext, 'clock' | 'random'>, orderId: string): Promise<void> {
  // Behind the lock that refunds take first: what is refunded before it is not earned, what comes after claws back.
  await tx.query({
    name: 'points_lock_pay_order',
    text: 'SELECT id FROM core.pay_order WHERE id = (SELECT pay_order_id FROM core.orders WHERE id = $1) FOR UPDATE',
    values: [orderId],
  });
  const [order] = await tx.query<EarningOrder>({
    name: 'points_earning_order',
    text: `SELECT o.id, o.pay_order_id, o.user_id, o.guest, o.type, o.currency,
        (o.payable - coalesce((SELECT sum(r.amount) FROM core.refund r
          WHERE r.pay_order_id IN (SELECT id FROM core.pay_order WHERE id = o.pay_order_id OR first_id = o.pay_order_id)
            AND r.order_id = o.id AND r.owed), 0))::bigint AS kept
      FROM core.orders o WHERE o.id = $1`,
    values: [orderId],
  });
  if (order === undefined || order.guest || order.type === 'topup') return;
  const points = pointsEarnedBy(order.kept, order.currency);
  if (points <= 0) return;
  const expiresAt = addMs(ctx.clock.now(), POINTS_LAST_MS);
  if (!(await bring(tx, ctx, order.user_id, { source: 'earned', reference: orderId, points, expiresAt }))) return;
  const fact = { reference: orderId, payOrderId: order.pay_order_id, orderId, userId: order.user_id, points };
  await post(tx, ctx.clock, booking.pointsEarned({ ...fact, reason: 'the order was received' }));
}

/**
 * Points that have ended are gone: up to `limit` lots in one transaction, each booked once. Returns how many lots.
 */
export async function expirePoints(ctx: CoreContext, limit: number): Promise<number> {
  return ctx.db.tx(async (tx) => {
    const ended = await lockEnded(tx, ctx.clock.now(), limit);
    await emptyLots(
      tx,
      ended.map((lot) => lot.id),
    );
    // Accounts in one order, so that two that lock several do not wait in a ring.
    for (const lot of ended.toSorted((a, b) => a.user_id - b.user_id || (a.id < b.id ? -1 : 1))) {
      const fact = { payOrderId: null, orderId: null, userId: lot.user_id, points: lot.rest };
      const reference = `${lot.id}:${lot.rest}:${ctx.clock.now().getTime()}`;
      await post(tx, ctx.clock, booking.pointsExpired({ ...fact, reference, reason: 'not spent in time' }));
    }
    return ended.length;
  });
}
