import type { CoreContext } from '../context.ts';
import { canonicalJson, sha256 } from '../kernel/canonical.ts';
import type { Sql } from '../kernel/db/database.ts';
import { catchRefusal, ok, type Refusal, RefusalError, type Result, refuse } from '../kernel/errors.ts';
import { newId } from '../kernel/ids.ts';
import { readRow } from '../kernel/machine.ts';
import { type Money, money } from '../kernel/money.ts';
import { logOperation } from '../operations/operation-log.ts';
import { campaignMachine } from './campaigns.machine.ts';
import { type CampaignRow, countOfUser, lockCode, lockUserOfCampaign, readCampaignByCode } from './campaigns.store.ts';
import { refuseCode, refuseUnknown } from './campaigns.ts';
import type { CouponKind } from './coupon-terms.ts';
import { refuseUnknownCoupon } from './coupon-use.ts';
import { type CouponRow, type CouponState, insertCoupon, readCoupon, readCouponByGrant } from './coupons.store.ts';
import { takeFromLane } from './lanes.store.ts';

/** A coupon (优惠券): takes something off one checkout, once. */
export interface Coupon {
  readonly code: string;
  /** Who may use it; null: whoever comes first. */
  readonly userId: number | null;
  readonly campaignId: string | null;
  readonly kind: CouponKind;
  /** What it takes off; of a percentage, the most that it takes off. */
  readonly amount: Money;
  /** The goods' worth from which it may be used; 0 for none. */
  readonly threshold: Money;
  /** Of a percentage: hundredths of a percent. */
  readonly basisPoints: number | null;
  /** Null: always until its end. */
  readonly validFrom: Date | null;
  readonly validUntil: Date;
  readonly state: CouponState;
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
 * Grants a coupon alone, of no campaign. The same `key` of the same actor with the same grant answers the coupon of the first time.
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
    await lockCode(tx, code);
    if ((await readCampaignByCode(tx, code)) !== null) return null;
    const row = await insertCoupon(tx, {
      code,
      user_id: grant.userId ?? null,
      currency: amount.currency,
      amount: amount.amount,
      threshold: threshold.amount,
      kind: threshold.amount > 0 ? 'threshold' : 'fixed',
      basis_points: null,
      valid_from: null,
      valid_until: grant.validUntil,
      campaign_id: null,
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
  return first === null ? refuseCode(code) : again(first, grantDigest);
}

function again(row: CouponRow, digest: string): Result<{ readonly coupon: Coupon; readonly replayed: boolean }> {
  if (row.grant_digest === digest) return ok({ coupon: couponOf(row), replayed: true });
  return refuse('idempotency_key_reused', `This Idempotency-Key granted coupon ${row.code} with another body.`);
}

/**
 * Grants a coupon of a campaign to a user, with the campaign's terms as they are now. The same `key` of the same actor
 * answers the coupon of the first time.
 *
 * Refuses: `campaign_unknown`, `campaign_closed` (paused, ended, over, or its code is for whoever comes first),
 * `coupon_quota_reached` (of the user, or of all), `idempotency_key_reused`.
 */
export async function grantOfCampaign(
  ctx: CoreContext,
  actor: string,
  grant: { readonly campaignId: string; readonly userId: number },
  key: string,
): Promise<Result<{ readonly coupon: Coupon; readonly replayed: boolean }>> {
  const grantKey = `${actor}:${key}`;
  const grantDigest = sha256(canonicalJson(grant));
  const known = await readCouponByGrant(ctx.db, grantKey);
  if (known !== null) return again(known, grantDigest);
  const made = await catchRefusal(() => grantInside(ctx, actor, grant, { grantKey, grantDigest }));
  if (made.ok && made.value !== null) return ok({ coupon: made.value, replayed: false });
  const first = await readCouponByGrant(ctx.db, grantKey);
  if (first !== null) return again(first, grantDigest);
  return made.ok ? refuse('wrong_state', 'The grant was undone meanwhile; send it again.') : made;
}

/** Null: the grant was made by another request meanwhile. */
async function grantInside(
  ctx: CoreContext,
  actor: string,
  { campaignId, userId }: { readonly campaignId: string; readonly userId: number },
  grant: { readonly grantKey: string; readonly grantDigest: string },
): Promise<Coupon | null> {
  const now = ctx.clock.now();
  return ctx.db.tx(async (tx) => {
    const campaign = await readRow<CampaignRow>(tx, campaignMachine, campaignId);
    if (campaign === null) throw new RefusalError(refuseUnknown(campaignId));
    const closed = whyClosed(campaign, now);
    if (closed !== null) throw new RefusalError(closed);
    await lockUserOfCampaign(tx, campaignId, userId);
    const quota = campaign.per_user_quota;
    if (quota !== null && (await countOfUser(tx, campaignId, userId)) >= quota) {
      throw new RefusalError(
        refuseQuota(`User ${userId} has had ${quota} coupons of campaign ${campaignId}, as many as one may.`),
      );
    }
    const row = await insertCoupon(tx, {
      code: newId('cpn', ctx.clock, ctx.random),
      user_id: userId,
      currency: campaign.currency,
      amount: campaign.amount,
      threshold: campaign.threshold,
      kind: campaign.kind,
      basis_points: campaign.basis_points,
      valid_from: campaign.starts_at,
      valid_until: campaign.ends_at,
      campaign_id: campaignId,
      grant_key: grant.grantKey,
      grant_digest: grant.grantDigest,
    });
    if (row === null) return null;
    if (campaign.total_quota !== null && !(await takeFromLane(tx, campaignId, 1, 0))) {
      throw new RefusalError(
        refuseQuota(`Campaign ${campaignId} has granted all of its ${campaign.total_quota} coupons.`),
      );
    }
    const after = couponOf(row);
    await logOperation(
      tx,
      { actor, entityType: 'coupon', entityId: row.code, operation: 'grant', before: null, after },
      now,
    );
    return after;
  });
}

function whyClosed({ id, code, state, ends_at: endsAt }: CampaignRow, now: Date): Refusal | null {
  if (code !== null)
    return refuse(
      'campaign_closed',
      `Campaign ${id} has the code ${code} for whoever comes first: there is nothing to grant.`,
    );
  if (state !== 'ACTIVE') return refuse('campaign_closed', `Campaign ${id} is ${state}: it grants nothing.`);
  if (endsAt <= now) return refuse('campaign_closed', `Campaign ${id} was over at ${endsAt.toISOString()}.`);
  return null;
}

function refuseQuota(detail: string): Refusal {
  return refuse('coupon_quota_reached', detail);
}

/** Refuses: `coupon_unknown`. */
export async function findCoupon(sql: Sql, code: string): Promise<Result<Coupon>> {
  const row = await readCoupon(sql, code);
  return row === null ? refuseUnknownCoupon(code) : ok(couponOf(row));
}

export function couponOf(row: CouponRow): Coupon {
  return {
    code: row.code,
    userId: row.user_id,
    campaignId: row.campaign_id,
    kind: row.kind,
    amount: money(row.amount, row.currency),
    threshold: money(row.threshold, row.currency),
    basisPoints: row.basis_points,
    validFrom: row.valid_from,
    validUntil: row.valid_until,
    state: row.state,
    payOrderId: row.pay_order_id,
  };
}
