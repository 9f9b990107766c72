import type { Sql } from '../kernel/db/database.ts';
import type { Currency } from '../kernel/money.ts';

export interface CouponRow {
  readonly code: string;
  readonly user_id: number | null;
  readonly currency: Currency;
  readonly amount: number;
  readonly threshold: number;
  readonly state: 'available' | 'locked' | 'used';
  readonly pay_order_id: string | null;
  readonly valid_until: Date;
  readonly grant_key: string;
  readonly grant_digest: string;
}

/** Inserts unless the code or the grant is known already. */
export async function insertCoupon(
  sql: Sql,
  coupon: Omit<CouponRow, 'state' | 'pay_order_id'>,
): Promise<CouponRow | null> {
  const rows = await sql.query<CouponRow>({
    name: 'coupon_grant',
    text: `INSERT INTO core.coupon
        (code, user_id, currency, amount, threshold, state, valid_until, grant_key, grant_digest)
      VALUES ($1, $2, $3, $4, $5, 'available', $6, $7, $8) ON CONFLICT DO NOTHING RETURNING *`,
    values: [
      coupon.code,
      coupon.user_id,
      coupon.currency,
      coupon.amount,
      coupon.threshold,
      coupon.valid_until,
      coupon.grant_key,
      coupon.grant_digest,
    ],
  });
  return rows[0] ?? null;
}

export async function readCoupon(sql: Sql, code: string): Promise<CouponRow | null> {
  const rows = await sql.query<CouponRow>({
    name: 'coupon_read',
    text: 'SELECT * FROM core.coupon WHERE code = $1',
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

/** `available` → `locked`. What makes a coupon fit an order never changes, so only the state is looked at again. */
export async function lockAvailable(sql: Sql, code: string, payOrderId: string): Promise<boolean> {
  const rows = await sql.query({
    name: 'coupon_lock',
    text: `UPDATE core.coupon SET state = 'locked', pay_order_id = $2 WHERE code = $1 AND state = 'available'
      RETURNING code`,
    values: [code, payOrderId],
  });
  return rows.length === 1;
}

export async function moveCoupon(
  sql: Sql,
  payOrderId: string,
  from: 'locked' | 'used',
  to: 'available' | 'used',
): Promise<boolean> {
  const rows = await sql.query({
    name: 'coupon_move',
    text: `UPDATE core.coupon SET state = $3, pay_order_id = CASE WHEN $3 = 'available' THEN NULL ELSE pay_order_id END
      WHERE pay_order_id = $1 AND state = $2 RETURNING code`,
    values: [payOrderId, from, to],
  });
  return rows.length === 1;
}
