import type { CoreContext } from '../context.ts';
import { canonicalJson, sha256 } from '../kernel/canonical.ts';
import type { Sql } from '../kernel/db/database.ts';
import { ok, type Result, refuse } from '../kernel/errors.ts';
import { newId } from '../kernel/ids.ts';
import { formatMoney, type Money, money } from '../kernel/money.ts';
import { logOperation } from '../operations/operation-log.ts';
import {
  type CouponRow,
  insertCoupon,
  lockAvailable,
  moveCoupon,
  readCoupon,
  readCouponByGrant,
} from './coupons.store.ts';

/** A coupon (优惠券): a fixed amount off one order, used once. */
export interface Coupon {
  readonly code: string;
  /** Who may use it; null: whoever comes first. */
  readonly userId: number | null;
  readonly amount: Money;
  /** The goods' worth from which it may be used; 0 for none. */
  readonly threshold: Money;
  readonly validUntil: Date;
  readonly state: 'available' | 'locked' | 'used';
  readonly payOrderId: string | null;
}

export interface CouponGrant {
  /** Chosen by the merchant, or made up here. */
  readonly code?: string | undefined;
  readonly amount: Money;
  readonly threshold?: Money | undefined;
  readonly userId?: number | undefined;
  readonly validUntil: Date;
}

/**
 * Grants a coupon. The same `key` of the same actor with the same grant answers the coupon of the first time.
 *
 * Refuses: `currency_mismatch` (threshold in another currency), `invalid_request` (already over), `coupon_exists`,
 * `idempotency_key_reused`.
 */
export async function grantCoupon(
  ctx: CoreContext,
  actor: string,
  grant: CouponGrant,
  key: string,
): Promise<Result<{ readonly coupon: Coupon; readonly replayed: boolean }>> {
  const { amount, threshold = money(0, amount.currency) } = grant;
  if (threshold.currency !== amount.currency) {
    return refuse('currency_mismatch', `The threshold is in ${threshold.currency}, the amount in ${amount.currency}.`);
  }
  const grantKey = `${actor}:${key}`;
  const grantDigest = sha256(canonicalJson({ ...grant, threshold, validUntil: grant.validUntil.toISOString() }));
  const now = ctx.clock.now();
  const known = await readCouponByGrant(ctx.db, grantKey);
  if (known !== null) return again(known, grantDigest);
  if (grant.validUntil <= now) return refuse('invalid_request', 'The coupon would be over before it is granted.');

  const code = grant.code ?? newId('cpn', ctx.clock, ctx.random);
  const made = await ctx.db.tx(async (tx) => {
    const row = await insertCoupon(tx, {
      code,
      user_id: grant.userId ?? null,
      currency: amount.currency,
      amount: amount.amount,
      threshold: threshold.amount,
      valid_until: grant.validUntil,
      grant_key: grantKey,
      grant_digest: grantDigest,
    });
    if (row === null) return null;
    const after = couponOf(row);
    await logOperation(
      tx,
      { actor, entityType: 'coupon', entityId: code, operation: 'grant', before: null, after },
      now,
    );
    return after;
  });
  if (made !== null) return ok({ coupon: made, replayed: false });
  // Another request was faster: the same grant sent twice at once, or another one that took the code.
  const first = await readCouponByGrant(ctx.db, grantKey);
  return first === null ? refuse('coupon_exists', `Another coupon has the code ${code}.`) : again(first, grantDigest);
}

function again(row: CouponRow, digest: string): Result<{ readonly coupon: Coupon; readonly replayed: boolean }> {
  if (row.grant_digest === digest) return ok({ coupon: couponOf(row), replayed: true });
  return refuse('idempotency_key_reused', `This Idempotency-Key granted coupon ${row.code} with another body.`);
}

/** Refuses: `coupon_unknown`. */
export async function findCoupon(sql: Sql, code: string): Promise<Result<Coupon>> {
  const row = await readCoupon(sql, code);
  return row === null ? refuse('coupon_unknown', `No coupon has the code ${code}.`) : ok(couponOf(row));
}

/**
 * What a coupon takes off goods worth `goods` for this user, in minor units, never more than they are worth. Changes
 * nothing: `lockCoupon` does, in the order's transaction.
 *
 * Refuses: `coupon_unknown` (someone else's coupon reads like none at all), `currency_mismatch`, `coupon_unusable`
 * (over, used or locked by another order, below its threshold).
 */
export async function quoteCoupon(
  sql: Sql,
  code: string,
  order: { readonly userId: number; readonly goods: Money; readonly now: Date },
): Promise<Result<number>> {
  const found = await findCoupon(sql, code);
  if (!found.ok) return found;
  const coupon = found.value;
  const { userId, goods, now } = order;
  if (coupon.userId !== null && coupon.userId !== userId) {
    return refuse('coupon_unknown', `No coupon has the code ${code}.`);
  }
  if (coupon.amount.currency !== goods.currency) {
    return refuse(
      'currency_mismatch',
      `Coupon ${code} is worth ${coupon.amount.currency}, the order is in ${goods.currency}.`,
    );
  }
  if (coupon.validUntil <= now) {
    return refuse('coupon_unusable', `Coupon ${code} was valid until ${coupon.validUntil.toISOString()}.`);
  }
  if (coupon.state !== 'available') return refuseTaken(code);
  if (goods.amount < coupon.threshold.amount) {
    return refuse('coupon_unusable', `Coupon ${code} needs goods worth ${formatMoney(coupon.threshold)} at least.`);
  }
  return ok(Math.min(coupon.amount.amount, goods.amount));
}

export function refuseTaken(code: string) {
  return refuse('coupon_unusable', `Coupon ${code} is used by another order.`);
}

/** Locks a quoted coupon for a pay order. False: another order was faster. */
export async function lockCoupon(tx: Sql, code: string, payOrderId: string): Promise<boolean> {
  return lockAvailable(tx, code, payOrderId);
}

/** The pay order is paid: locked → used. False when it locks none. */
export async function spendCoupon(tx: Sql, payOrderId: string): Promise<boolean> {
  return moveCoupon(tx, payOrderId, 'locked', 'used');
}

/** The pay order is given up: locked → available. Once, however often it is called. */
export async function releaseCoupon(tx: Sql, payOrderId: string): Promise<boolean> {
  return moveCoupon(tx, payOrderId, 'locked', 'available');
}

/** The pay order is refunded and its coupon comes back: used → available. Once, however often it is called. */
export async function returnCoupon(tx: Sql, payOrderId: string): Promise<boolean> {
  return moveCoupon(tx, payOrderId, 'used', 'available');
}

function couponOf(row: CouponRow): Coupon {
  return {
    code: row.code,
    userId: row.user_id,
    amount: money(row.amount, row.currency),
    threshold: money(row.threshold, row.currency),
    validUntil: row.valid_until,
    state: row.state,
    payOrderId: row.pay_order_id,
  };
}
