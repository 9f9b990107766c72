import type { CoreContext } from '../context.ts';
import type { Sql } from '../kernel/db/database.ts';
import { ok, type Refusal, type Result, refuse } from '../kernel/errors.ts';
import { newId } from '../kernel/ids.ts';
import type { Money } from '../kernel/money.ts';
import { type CampaignRow, countOfUser, lockUserOfCampaign, readCampaignByCode } from './campaigns.store.ts';
import { whyUnfit, worthOf } from './coupon-terms.ts';
import {
  type CouponOfCampaignRow,
  type CouponRow,
  freeCoupon,
  insertShared,
  lockAvailable,
  markUsed,
  type NewCoupon,
  readCoupon,
} from './coupons.store.ts';
import { giveToLane, readLeft, takeFromLane } from './lanes.store.ts';

/** What a coupon is asked for: who wants to use it, and on goods of which worth. */
export interface CouponOrder {
  readonly userId: number;
  readonly goods: Money;
  readonly now: Date;
}

/** A coupon that fits an order, and what it takes off. Hand it to `lockCoupon`. */
export interface CouponQuote {
  /** Of a code that many share, that of the coupon that will be made from it. */
  readonly code: string;
  /** The code that was asked for. */
  readonly asked: string;
  /** Minor units. */
  readonly discount: number;
  readonly userId: number;
  readonly campaignId: string | null;
  /** Its campaign counts the money. */
  readonly budgeted: boolean;
  /** To be made from this campaign. */
  readonly from: CampaignRow | null;
}

/**
 * What a coupon takes off goods for this user, never more than they are worth. Changes nothing: `lockCoupon` does, in the
 * order's transaction.
 *
 * Refuses: `coupon_unknown` (someone else's coupon reads like none at all), `currency_mismatch`, `coupon_unusable` (over,
 * not begun, used or locked by another order, below its threshold, its campaign paused, ended or used up).
 */
export async function quoteCoupon(
  ctx: Pick<CoreContext, 'db' | 'clock' | 'random'>,
  code: string,
  order: CouponOrder,
): Promise<Result<CouponQuote>> {
  const row = await readCoupon(ctx.db, code);
  if (row === null) return quoteShared(ctx, code, order);
  const refused = whyUnusable(row, order);
  if (refused !== null) return refused;
  return ok({
    code,
    asked: code,
    discount: worthOfRow(row, order.goods.amount),
    userId: order.userId,
    campaignId: row.campaign_id,
    budgeted: row.campaign_budget !== null,
    from: null,
  });
}

/** Why a coupon cannot be put on an order, or null. */
export function whyUnusable(row: CouponOfCampaignRow, { userId, goods, now }: CouponOrder): Refusal | null {
  const { code } = row;
  if ((row.user_id !== null && row.user_id !== userId) || row.shared) return refuseUnknownCoupon(code);
  const unfit = whyUnfit(code, termsOf(row), goods, now);
  if (unfit !== null) return unfit;
  if (row.state !== 'available') return refuseTaken(code);
  return row.campaign_state === null || row.campaign_state === 'ACTIVE' ? null : refuseClosed(code, row.campaign_state);
}

/** What a usable coupon takes off goods of this worth. */
export function worthOfRow(row: CouponRow, goods: number): number {
  return worthOf(termsOf(row), goods);
}

function termsOf(row: CouponRow) {
  const { kind, currency, amount, threshold, basis_points: basisPoints, valid_from, valid_until } = row;
  return { kind, currency, amount, threshold, basisPoints, validFrom: valid_from, validUntil: valid_until };
}

async function quoteShared(
  ctx: Pick<CoreContext, 'db' | 'clock' | 'random'>,
  asked: string,
  { userId, goods, now }: CouponOrder,
): Promise<Result<CouponQuote>> {
  const from = await readCampaignByCode(ctx.db, asked);
  if (from === null) return refuseUnknownCoupon(asked);
  const { kind, currency, amount, threshold, basis_points: basisPoints, starts_at, ends_at } = from;
  const terms = { kind, currency, amount, threshold, basisPoints, validFrom: starts_at, validUntil: ends_at };
  const unfit = whyUnfit(asked, terms, goods, now);
  if (unfit !== null) return unfit;
  if (from.state !== 'ACTIVE') return refuseClosed(asked, from.state);
  const discount = worthOf(terms, goods.amount);
  const [left, had] = await Promise.all([
    readLeft(ctx.db, [from.id]),
    from.per_user_quota === null ? 0 : countOfUser(ctx.db, from.id, userId),
  ]);
  if (had >= (from.per_user_quota ?? Number.POSITIVE_INFINITY)) return refuseUserQuota(asked, from.per_user_quota ?? 0);
  const { slots = null, budget = null } = left.get(from.id) ?? {};
  if ((slots !== null && slots < 1) || (budget !== null && budget < discount)) return refuseUsedUp(asked);
  const code = newId('cpn', ctx.clock, ctx.random);
  return ok({ code, asked, discount, userId, campaignId: from.id, budgeted: from.budget !== null, from });
}

/**
 * Locks a quoted coupon for a pay order: one conditional statement for a coupon of its own row; with a campaign's limits
 * one more, which takes from a lane that nobody else is taking from. False: another order was faster, the campaign was
 * closed meanwhile, or nothing is left of it; then the caller's transaction must end.
 */
export async function lockCoupon(tx: Sql, quote: CouponQuote, payOrderId: string): Promise<boolean> {
  const { code, discount, campaignId, budgeted, from } = quote;
  if (from === null) {
    const done = await Promise.all([
      lockAvailable(tx, code, payOrderId, discount),
      campaignId === null || !budgeted ? true : takeFromLane(tx, campaignId, 0, discount),
    ]);
    return done.every(Boolean);
  }
  const { per_user_quota: perUserQuota } = from;
  const limited = from.total_quota !== null || budgeted;
  const [, ...done] = await Promise.all([
    perUserQuota === null ? undefined : lockUserOfCampaign(tx, from.id, quote.userId),
    insertShared(tx, newCouponOf(quote, from), { payOrderId, discount, perUserQuota }),
    limited ? takeFromLane(tx, from.id, 1, discount) : true,
  ]);
  return done.every(Boolean);
}

function newCouponOf({ code, userId }: CouponQuote, from: CampaignRow): NewCoupon {
  return {
    code,
    user_id: userId,
    currency: from.currency,
    amount: from.amount,
    threshold: from.threshold,
    kind: from.kind,
    basis_points: from.basis_points,
    valid_from: from.starts_at,
    valid_until: from.ends_at,
    campaign_id: from.id,
    grant_key: `use:${code}`,
    grant_digest: '',
  };
}

/** The pay order is paid: locked → used. False when it locks none. */
export async function spendCoupon(tx: Sql, payOrderId: string): Promise<boolean> {
  return markUsed(tx, payOrderId);
}

/**
 * The pay order is given up: its coupon is available again, and its campaign's money too; of a code that many share, the
 * place. Once, however often it is called.
 */
export async function releaseCoupon(tx: Sql, payOrderId: string): Promise<boolean> {
  return free(tx, payOrderId, 'locked', null);
}

/**
 * The pay order is refunded whole and its coupon comes back, if it is still valid; the campaign's money comes back in any
 * case. Once, however often it is called.
 */
export async function returnCoupon(tx: Sql, payOrderId: string, now: Date): Promise<boolean> {
  return free(tx, payOrderId, 'used', now);
}

async function free(tx: Sql, payOrderId: string, from: 'locked' | 'used', now: Date | null): Promise<boolean> {
  const freed = await freeCoupon(tx, payOrderId, from, now);
  if (freed === null) return false;
  if (freed.campaign_id !== null) {
    await giveToLane(tx, freed.campaign_id, freed.shared ? 1 : 0, freed.discount ?? 0);
  }
  return true;
}

export function refuseUnknownCoupon(code: string) {
  return refuse('coupon_unknown', `No coupon has the code ${code}.`);
}

/** It could not be locked though it was quoted. */
export function refuseTaken(code: string) {
  return refuse('coupon_unusable', `Coupon ${code} is used by another order, or nothing is left of it.`);
}

function refuseClosed(code: string, state: string) {
  const why = state === 'PAUSED' ? 'is paused; try again later' : 'has ended';
  return refuse('coupon_unusable', `The campaign of coupon ${code} ${why}.`);
}

function refuseUserQuota(code: string, quota: number) {
  return refuse('coupon_unusable', `Coupon ${code} may be used ${quota} times by one user, and was.`);
}

function refuseUsedUp(code: string) {
  return refuse('coupon_unusable', `Coupon ${code} is used up: its quota or its budget is spent.`);
}
