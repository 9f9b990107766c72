import type { Sql } from '../kernel/db/database.ts';
import type { Currency } from '../kernel/money.ts';
import { type CampaignRow, COUNTS } from './campaigns.store.ts';
import type { CouponKind } from './coupon-terms.ts';

export type CouponState = 'available' | 'locked' | 'used' | 'void';

export interface CouponRow {
  readonly code: string;
  readonly user_id: number | null;
  readonly currency: Currency;
  readonly amount: number;
  readonly threshold: number;
  readonly state: CouponState;
  readonly pay_order_id: string | null;
  readonly valid_until: Date;
  readonly grant_key: string;
  readonly grant_digest: string;
  readonly campaign_id: string | null;
  readonly kind: CouponKind;
  readonly basis_points: number | null;
  readonly valid_from: Date | null;
  readonly shared: boolean;
  readonly discount: number | null;
}

/** A coupon with how its campaign stands; nulls: it is of none. */
export interface CouponOfCampaignRow extends CouponRow {
  readonly campaign_state: CampaignRow['state'] | null;
  readonly campaign_budget: number | null;
}

const COLUMNS = `code, user_id, currency, amount, threshold, kind, basis_points, valid_from, valid_until, campaign_id, grant_key, grant_digest`;

export type NewCoupon = Omit<CouponRow, 'state' | 'pay_order_id' | 'shared' | 'discount'>;

/** Inserts unless the code or the grant is known already. */
export async function insertCoupon(sql: Sql, coupon: NewCoupon): Promise<CouponRow | null> {
  const rows = await sql.query<CouponRow>({
    name: 'coupon_grant',
    text: `INSERT INTO core.coupon (${COLUMNS}, state)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'available') ON CONFLICT DO NOTHING RETURNING *`,
    values: valuesOf(coupon),
  });
  return rows[0] ?? null;
}

function valuesOf(coupon: NewCoupon): unknown[] {
  return [
    coupon.code,
    coupon.user_id,
    coupon.currency,
    coupon.amount,
    coupon.threshold,
    coupon.kind,
    coupon.basis_points,
    coupon.valid_from,
    coupon.valid_until,
    coupon.campaign_id,
    coupon.grant_key,
    coupon.grant_digest,
  ];
}

/**
 * Makes the coupon of one pay order from a code that many share, locked from its beginning: while the campaign is active
 * and the user has not had as many as they may. False: not any more.
 */
export async function insertShared(
  sql: Sql,
  coupon: NewCoupon,
  use: { readonly payOrderId: string; readonly discount: number; readonly perUserQuota: number | null },
): Promise<boolean> {
  const rows = await sql.query({
    name: 'coupon_insert_shared',
    text: `INSERT INTO core.coupon (${COLUMNS}, state, shared, pay_order_id, discount)
      SELECT $1, $2::bigint, $3, $4::bigint, $5::bigint, $6, $7::integer, $8::timestamptz, $9::timestamptz, $10, $11, $12,
        'locked', true, $13, $14::bigint
      FROM core.campaign WHERE id = $10 AND state = 'ACTIVE' AND ($15::integer IS NULL OR $15 > (
        SELECT count(*) FROM core.coupon WHERE campaign_id = $10 AND user_id = $2::bigint AND ${COUNTS}))
      RETURNING code`,
    values: [...valuesOf(coupon), use.payOrderId, use.discount, use.perUserQuota],
  });
  return rows.length === 1;
}

export async function readCoupon(sql: Sql, code: string): Promise<CouponOfCampaignRow | null> {
  const rows = await sql.query<CouponOfCampaignRow>({
    name: 'coupon_read',
    text: `SELECT c.*, p.state AS campaign_state, p.budget AS campaign_budget
      FROM core.coupon c LEFT JOIN core.campaign p ON p.id = c.campaign_id WHERE c.code = $1`,
    values: [code],
  });
  return rows[0] ?? null;
}

export async function readCouponByGrant(sql: Sql, grantKey: string): Promise<CouponRow | null> {
  const rows = await sql.query<CouponRow>({
    name: 'coupon_by_grant',
    text: 'SELECT * FROM core.coupon WHERE grant_key = $1',
    values: [grantKey],
  });
  return rows[0] ?? null;
}

/** A user's coupons in the order of their codes; those that can be used no more only if asked for. */
export async function couponsOfUser(
  sql: Sql,
  userId: number,
  page: { readonly after: string | undefined; readonly limit: number; readonly usableAt: Date | null },
): Promise<CouponOfCampaignRow[]> {
  return sql.query<CouponOfCampaignRow>({
    name: 'coupons_of_user',
    text: `SELECT c.*, p.state AS campaign_state, p.budget AS campaign_budget
      FROM core.coupon c LEFT JOIN core.campaign p ON p.id = c.campaign_id
      WHERE c.user_id = $1 AND ($2::text IS NULL OR c.code > $2)
        AND ($3::timestamptz IS NULL OR (c.state = 'available' AND c.valid_until > $3))
      ORDER BY c.code LIMIT $4`,
    values: [userId, page.after ?? null, page.usableAt, page.limit],
  });
}

/**
 * `available` → `locked`. What makes a coupon fit an order never changes, so only its state and its campaign's are looked
 * at again.
 */
export async function lockAvailable(sql: Sql, code: string, payOrderId: string, discount: number): Promise<boolean> {
  const rows = await sql.query({
    name: 'coupon_lock',
    text: `UPDATE core.coupon SET state = 'locked', pay_order_id = $2, discount = $3
      WHERE code = $1 AND state = 'available'
        AND (campaign_id IS NULL OR EXISTS (SELECT FROM core.campaign p WHERE p.id = campaign_id AND p.state = 'ACTIVE'))
      RETURNING code`,
    values: [code, payOrderId, discount],
  });
  return rows.length === 1;
}

/** `locked` → `used`. */
export async function markUsed(sql: Sql, payOrderId: string): Promise<boolean> {
  const rows = await sql.query({
    name: 'coupon_use',
    text: `UPDATE core.coupon SET state = 'used' WHERE pay_order_id = $1 AND state = 'locked' RETURNING code`,
    values: [payOrderId],
  });
  return rows.length === 1;
}

/** What a pay order gave back: of a campaign, a place is free again when it was shared, and its money in any case. */
export interface FreedCoupon {
  readonly campaign_id: string | null;
  readonly shared: boolean;
  readonly discount: number | null;
}

/**
 * Frees the coupon that a pay order holds in state `from`: `available` again, or `void` when it was made for this pay
 * order, or is over (`now`; null: that does not matter). Null: the pay order holds none in that state.
 */
export async function freeCoupon(
  sql: Sql,
  payOrderId: string,
  from: 'locked' | 'used',
  now: Date | null,
): Promise<FreedCoupon | null> {
  const rows = await sql.query<FreedCoupon>({
    name: 'coupon_free',
    text: `UPDATE core.coupon SET
        state = CASE WHEN ${GONE} THEN 'void' ELSE 'available' END,
        pay_order_id = CASE WHEN ${GONE} THEN pay_order_id END
      WHERE pay_order_id = $1 AND state = $2 RETURNING campaign_id, shared, discount`,
    values: [payOrderId, from, now],
  });
  return rows[0] ?? null;
}

const GONE = '(shared OR valid_until <= $3::timestamptz) IS TRUE';
