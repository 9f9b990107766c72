import { check } from 'drizzle-orm/pg-core';
import {
  amount,
  at,
  bigint,
  boolean,
  core,
  drivable,
  index,
  integer,
  jsonb,
  primaryKey,
  sql,
  text,
  uniqueIndex,
} from './columns.ts';

/** What coupons of one kind are like, how many there may be, and what they may cost (优惠活动). */
export const campaign = core.table(
  'campaign',
  {
    id: text('id').primaryKey(),
    name: text('name').notNull(),
    kind: text('kind').notNull(),
    /** A code that whoever comes first may use; NULL: its coupons are granted to users. */
    code: text('code').unique(),
    currency: text('currency').notNull(),
    /** What a coupon takes off; of a percentage, the most that it takes off (its cap). */
    amount: amount('amount').notNull(),
    /** The goods' worth from which a coupon may be used. */
    threshold: amount('threshold').notNull(),
    /** Of a percentage: hundredths of a percent that are taken off. */
    basisPoints: integer('basis_points'),
    startsAt: at('starts_at').notNull(),
    endsAt: at('ends_at').notNull(),
    /** NULL: no limit. */
    perUserQuota: integer('per_user_quota'),
    totalQuota: bigint('total_quota', { mode: 'number' }),
    budget: amount('budget'),
    grantKey: text('grant_key').notNull().unique(),
    grantDigest: text('grant_digest').notNull(),
    createdAt: at('created_at').notNull(),
    ...drivable,
  },
  (t) => [
    check('campaign_state_known', sql`${t.state} IN ('ACTIVE','PAUSED','ENDED')`),
    check('campaign_kind_known', sql`${t.kind} IN ('fixed','threshold','percentage')`),
    check('campaign_percentage', sql`(${t.kind} = 'percentage') = (${t.basisPoints} IS NOT NULL)`),
    check('campaign_basis_points', sql`${t.basisPoints} BETWEEN 1 AND 10000`),
    check('campaign_worth_something', sql`${t.amount} > 0 AND ${t.threshold} >= 0`),
    check('campaign_lasts', sql`${t.startsAt} < ${t.endsAt}`),
    check('campaign_limits', sql`${t.perUserQuota} > 0 AND ${t.totalQuota} > 0 AND ${t.budget} > 0`),
  ],
);

/**
 * What is left of a campaign's quota and budget, in lanes: an order takes from a lane that nobody else is taking from at
 * the moment, so that the orders of a famous coupon do not queue up behind one row. Campaigns without limits have none.
 */
export const campaignLane = core.table(
  'campaign_lane',
  {
    campaignId: text('campaign_id')
      .notNull()
      .references(() => campaign.id),
    no: integer('no').notNull(),
    /** Coupons that may still be issued from it, and money that may still be given; NULL: no limit. */
    slots: bigint('slots', { mode: 'number' }),
    budget: amount('budget'),
  },
  (t) => [
    primaryKey({ columns: [t.campaignId, t.no] }),
    check('campaign_lane_left', sql`${t.slots} >= 0 AND ${t.budget} >= 0`),
  ],
);

/** A coupon (优惠券): used once, by one pay order. It carries its campaign's terms as they were when it was granted. */
export const coupon = core.table(
  'coupon',
  {
    code: text('code').primaryKey(),
    /** NULL: whoever comes first. */
    userId: bigint('user_id', { mode: 'number' }),
    currency: text('currency').notNull(),
    /** What it takes off; of a percentage, the most that it takes off (its cap). */
    amount: amount('amount').notNull(),
    /** The goods' worth from which it may be used. */
    threshold: amount('threshold').notNull().default(0),
    state: text('state').notNull(),
    payOrderId: text('pay_order_id'),
    validUntil: at('valid_until').notNull(),
    /** The grant that made it: sent twice, it grants once. */
    grantKey: text('grant_key').notNull().unique(),
    grantDigest: text('grant_digest').notNull(),
    /** NULL: granted alone, of no campaign. */
    campaignId: text('campaign_id').references(() => campaign.id),
    kind: text('kind').notNull().default('fixed'),
    basisPoints: integer('basis_points'),
    validFrom: at('valid_from'),
    /** Made for one pay order by a code that many share. When that gives it back it is void, and its place is free again. */
    shared: boolean('shared').notNull().default(false),
    /** What it takes off the pay order that holds it: its part of the campaign's budget. */
    discount: amount('discount'),
  },
  (t) => [
    index('coupon_pay_order').on(t.payOrderId).where(sql`pay_order_id IS NOT NULL`),
    index('coupon_user').on(t.userId, t.code).where(sql`user_id IS NOT NULL`),
    index('coupon_campaign_user').on(t.campaignId, t.userId).where(sql`campaign_id IS NOT NULL`),
    check('coupon_state_known', sql`${t.state} IN ('available','locked','used','void')`),
    check('coupon_worth_something', sql`${t.amount} > 0`),
    check('coupon_kind_known', sql`${t.kind} IN ('fixed','threshold','percentage')`),
    check('coupon_percentage', sql`(${t.kind} = 'percentage') = (${t.basisPoints} IS NOT NULL)`),
    check('coupon_discount', sql`${t.discount} BETWEEN 0 AND ${t.amount}`),
    check('coupon_shared', sql`NOT ${t.shared} OR ${t.state} <> 'available'`),
  ],
);

/** Points (积分) that came to a user at once, and what is left of them. Spent by the earliest end first. */
export const pointsLot = core.table(
  'points_lot',
  {
    id: text('id').primaryKey(),
    userId: bigint('user_id', { mode: 'number' }).notNull(),
    /** Why they came; with `reference` it is unique, so that a fact brings points once. */
    source: text('source').notNull(),
    reference: text('reference').notNull(),
    points: bigint('points', { mode: 'number' }).notNull(),
    rest: bigint('rest', { mode: 'number' }).notNull(),
    expiresAt: at('expires_at').notNull(),
    createdAt: at('created_at').notNull(),
    /** Of a grant: what else was said, so that the same key with another grant is refused. */
    digest: text('digest'),
  },
  (t) => [
    uniqueIndex('points_lot_once').on(t.source, t.reference),
    index('points_lot_user').on(t.userId, t.expiresAt, t.id).where(sql`rest > 0`),
    index('points_lot_expiry').on(t.expiresAt, t.id).where(sql`rest > 0`),
    check('points_lot_source_known', sql`${t.source} IN ('grant','earned','returned')`),
    check('points_lot_rest', sql`${t.points} > 0 AND ${t.rest} BETWEEN 0 AND ${t.points}`),
  ],
);

/** The points that a pay order is paid with: locked when it is placed, used when it is paid, or given back. */
export const pointsHold = core.table(
  'points_hold',
  {
    payOrderId: text('pay_order_id').primaryKey(),
    userId: bigint('user_id', { mode: 'number' }).notNull(),
    points: bigint('points', { mode: 'number' }).notNull(),
    state: text('state').notNull(),
    /** What was taken from which lot: `[{ "lot": "lot_…", "points": 100 }]`. */
    lots: jsonb('lots').notNull(),
    /** When the last of the lots ends; points that are refunded end then, or 30 days after they came back. */
    expiresAt: at('expires_at').notNull(),
    createdAt: at('created_at').notNull(),
  },
  (t) => [
    index('points_hold_user').on(t.userId).where(sql`state = 'locked'`),
    check('points_hold_state_known', sql`${t.state} IN ('locked','used','released')`),
    check('points_hold_some', sql`${t.points} > 0`),
  ],
);

/** What one refund gives back of a pay order's coupon and points, and takes back of the points its order earned. */
export const marketingReturn = core.table(
  'marketing_return',
  {
    refundId: text('refund_id').primaryKey(),
    payOrderId: text('pay_order_id').notNull(),
    orderId: text('order_id').notNull(),
    /** Spent points that came back with it. */
    points: bigint('points', { mode: 'number' }).notNull().default(0),
    /** Earned points taken back from the user's lots. */
    clawedPoints: bigint('clawed_points', { mode: 'number' }).notNull(),
    /** Earned points that were spent already, and what is withheld from the cash for them. */
    missingPoints: bigint('missing_points', { mode: 'number' }).notNull(),
    withheld: amount('withheld').notNull(),
    /** When its marketing leg began (R12): what it gives back of the discount counts from then on. NULL: it has none yet. */
    startedAt: at('started_at'),
    /** When its points, and with the last part the coupon, were given back (R13). */
    returnedAt: at('returned_at'),
    createdAt: at('created_at').notNull(),
  },
  (t) => [
    index('marketing_return_pay_order').on(t.payOrderId),
    index('marketing_return_order').on(t.orderId),
    check(
      'marketing_return_amounts',
      sql`${t.points} >= 0 AND ${t.clawedPoints} >= 0 AND ${t.missingPoints} >= 0 AND ${t.withheld} >= 0`,
    ),
  ],
);
