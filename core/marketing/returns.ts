import type { CoreContext } from '../context.ts';
import { addMs } from '../kernel/clock.ts';
import type { Tx } from '../kernel/db/database.ts';
import type { Currency } from '../kernel/money.ts';
import * as booking from '../ledger/booking.ts';
import { post } from '../ledger/ledger.ts';
import { returnCoupon } from './coupon-use.ts';
import { giveBack } from './deductions.ts';
import { POINTS_LAST_MS, pointsEarnedBy, pointWorth, RETURNED_LAST_MS } from './point-terms.ts';
import { readHold, takePoints } from './points.store.ts';
import { bring } from './points.ts';
import {
  countUndone,
  insertReturn,
  isAllBack,
  linesOfReturn,
  markReturned,
  type ReturnedLine,
  readEarned,
  readReturn,
  startReturnRow,
  writeClaw,
} from './returns.store.ts';

/*
 * What a refund means for marketing. Whoever calls holds the pay order's lock, so the refunds of a pay order come one
 * after the other. Everything is once per refund, however often it is called.
 *
 * - Money: a part gives back its lines' share of the discount (the refund's `subsidy`).
 * - Points come back exactly, with the part that they paid: over all parts of a line, all that lay on it.
 * - The coupon comes back with the part that completes the discount, if it is still valid then; before that nothing of it
 *   can be used twice. So do the resources at the outside service.
 * - Points that the order earned are clawed back; what of them is spent already is withheld from the cash.
 */

export interface RefundOfOrder {
  readonly id: string;
  readonly payOrderId: string;
  readonly orderId: string;
}

/** What is withheld from the cash of a refund, in minor units, for earned points that were spent already. */
export interface ClawBack {
  readonly clawed: number;
  readonly missing: number;
  readonly withheld: number;
}

const NOTHING: ClawBack = { clawed: 0, missing: 0, withheld: 0 };

/**
 * Takes back the points that an order earned with the cash that goes back, `cash` minor units of it now. Part of the
 * transaction that makes the refund owed, before its amount is fixed: what is withheld is never more than `cash`, and
 * stays with the platform, whose points the shopper has spent.
 */
export async function clawBack(
  tx: Tx,
  ctx: CoreContext,
  refund: RefundOfOrder & { readonly cash: number; readonly currency: Currency },
): Promise<ClawBack> {
  const earned = await readEarned(tx, refund.orderId, refund.id);
  if (earned === null) return NOTHING;
  const known = await readReturn(tx, refund.id);
  if (known !== null && known.clawed_points + known.missing_points > 0) {
    return { clawed: known.clawed_points, missing: known.missing_points, withheld: known.withheld };
  }
  const kept = Math.max(0, earned.payable - earned.refunded - refund.cash);
  const due = Math.max(0, earned.earned - earned.taken_back - pointsEarnedBy(kept, earned.currency));
  const now = ctx.clock.now();
  const clawed = due === 0 ? 0 : await takePoints(tx, earned.user_id, due, now);
  const missing = due - clawed;
  const withheld = Math.min(refund.cash, missing * pointWorth(refund.currency));
  await insertReturn(tx, { refundId: refund.id, ...refund }, now);
  await writeClaw(tx, refund.id, { clawed, missing, withheld });
  if (clawed > 0) {
    const round = await countUndone(tx, refund.id);
    const reference = round === 0 ? refund.id : `${refund.id}:${round}`;
    const fact = { reference, payOrderId: refund.payOrderId, orderId: refund.orderId, points: clawed };
    const reason = 'the order that earned them is refunded';
    await post(tx, ctx.clock, booking.pointsClawedBack({ ...fact, userId: earned.user_id, reason }));
  }
  return { clawed, missing, withheld };
}

/** The refund is withdrawn: what it clawed back is the shopper's again, and nothing is withheld. */
export async function undoClawBack(tx: Tx, ctx: CoreContext, refund: RefundOfOrder): Promise<void> {
  const known = await readReturn(tx, refund.id);
  if (known === null || known.clawed_points + known.missing_points === 0) return;
  await writeClaw(tx, refund.id, NOTHING);
  const points = known.clawed_points;
  const earned = points === 0 ? null : await readEarned(tx, refund.orderId, refund.id);
  if (earned === null) return;
  const { user_id: userId } = earned;
  const reference = `claw:${refund.id}:${await countUndone(tx, refund.id)}`;
  await bring(tx, ctx, userId, {
    source: 'returned',
    reference,
    points,
    expiresAt: addMs(ctx.clock.now(), POINTS_LAST_MS),
  });
  const fact = { reference, payOrderId: refund.payOrderId, orderId: refund.orderId, userId, points };
  await post(tx, ctx.clock, booking.pointsReturned({ ...fact, reason: 'the refund that took them back is withdrawn' }));
}

/**
 * The marketing leg of a refund begins (→ R12). Returns the deductions that the outside service must roll back, to be
 * kicked after the commit: those of the attempt that paid, once all that marketing paid is going back; else none.
 */
export async function startReturn(
  tx: Tx,
  ctx: CoreContext,
  refund: RefundOfOrder,
  paymentId: string,
): Promise<readonly string[]> {
  const now = ctx.clock.now();
  await insertReturn(tx, { refundId: refund.id, ...refund }, now);
  await startReturnRow(tx, refund.id, now);
  if (!(await isAllBack(tx, refund.payOrderId))) return [];
  return giveBack(tx, ctx, paymentId, 'everything that it paid for is refunded');
}

/** The marketing leg is done (→ R13): the part's points are the shopper's again, and with the last part the coupon. */
export async function finishReturn(tx: Tx, ctx: CoreContext, refund: RefundOfOrder): Promise<void> {
  const now = ctx.clock.now();
  const hold = await readHold(tx, refund.payOrderId);
  const lines = hold === null ? [] : await linesOfReturn(tx, refund.id);
  const points = lines.reduce((sum, line) => sum + pointsOfPart(line), 0);
  if (!(await markReturned(tx, refund.id, points, now))) return;
  if (hold !== null && points > 0) {
    const atLeast = addMs(now, RETURNED_LAST_MS);
    const expiresAt = hold.expires_at > atLeast ? hold.expires_at : atLeast;
    await bring(tx, ctx, hold.user_id, { source: 'returned', reference: refund.id, points, expiresAt });
    const fact = { reference: refund.id, payOrderId: refund.payOrderId, orderId: refund.orderId, points };
    await post(
      tx,
      ctx.clock,
      booking.pointsReturned({ ...fact, userId: hold.user_id, reason: 'what they paid for is refunded' }),
    );
  }
  if (await isAllBack(tx, refund.payOrderId)) await returnCoupon(tx, refund.payOrderId, now);
}

/**
 * By running totals over the money of the line's discount, so that all parts together bring exactly what lay on it, and
 * no more when pieces are refunded whose first refund was closed after its marketing part had gone back.
 */
function pointsOfPart({ points, discount, before, subsidy }: ReturnedLine): number {
  if (discount === 0) return 0;
  const upTo = (money: number): number =>
    Number((BigInt(points) * BigInt(Math.min(money, discount))) / BigInt(discount));
  return upTo(before + subsidy) - upTo(before);
}
