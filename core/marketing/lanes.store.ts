import type { Sql } from '../kernel/db/database.ts';
import { allocate } from '../kernel/money.ts';

/*
 * What is left of a campaign's quota and budget, in lanes. Whoever takes looks for a lane that is free and has enough;
 * only where every such lane is being taken from at this moment does it wait for one. So it is refused exactly when
 * nothing is left anywhere, and the orders of a famous coupon go on side by side.
 */

const MOST_LANES = 8;
/** A budget that is cut leaves some change in each lane. Above so many coupons' worth that is below 1 % of it. */
const CUT_BUDGET_FROM = 1_000;

export interface Limits {
  readonly totalQuota: number | null;
  readonly budget: number | null;
  /** The most that one coupon takes off. */
  readonly amount: number;
}

/**
 * How many lanes a campaign has. A quota alone can be cut as one likes, for each lane can be used up to its last coupon.
 * Of a budget a lane keeps what is less than the next coupon takes; and cut beside a quota, one lane could have coupons
 * left and another the money for them.
 */
export function lanesFor({ totalQuota, budget, amount }: Limits): number {
  if (budget === null) return totalQuota === null ? 0 : Math.min(MOST_LANES, totalQuota);
  return totalQuota === null && budget >= CUT_BUDGET_FROM * amount ? MOST_LANES : 1;
}

export async function openLanes(sql: Sql, campaignId: string, limits: Limits): Promise<void> {
  const equal = new Array<number>(lanesFor(limits)).fill(1);
  if (equal.length === 0) return;
  const parts = (total: number | null): (number | null)[] =>
    total === null ? equal.map(() => null) : allocate(total, equal);
  await sql.query({
    name: 'campaign_lanes_open',
    text: `INSERT INTO core.campaign_lane (campaign_id, no, slots, budget)
      SELECT $1, n, slots, budget FROM unnest($2::bigint[], $3::bigint[]) WITH ORDINALITY AS l (slots, budget, n)`,
    values: [campaignId, parts(limits.totalQuota), parts(limits.budget)],
  });
}

/**
 * Takes so many coupons and so much money from one lane. False: nothing that suffices is left. Waits where it must, behind
 * whom it waits may still give back; the row locks are held until the transaction ends.
 */
export async function takeFromLane(sql: Sql, campaignId: string, slots: number, budget: number): Promise<boolean> {
  const rows = await sql.query({
    name: 'campaign_lane_take',
    text: `WITH free AS (
        SELECT no FROM core.campaign_lane WHERE campaign_id = $1 AND ${ENOUGH}
        ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED
      ), waited AS (
        SELECT no FROM core.campaign_lane WHERE campaign_id = $1 AND ${ENOUGH} AND NOT EXISTS (SELECT FROM free)
        ORDER BY no LIMIT 1 FOR UPDATE
      ) UPDATE core.campaign_lane l SET slots = l.slots - $2::bigint, budget = l.budget - $3::bigint
      FROM (SELECT no FROM free UNION ALL SELECT no FROM waited) mine
      WHERE l.campaign_id = $1 AND l.no = mine.no RETURNING l.no`,
    values: [campaignId, slots, budget],
  });
  return rows.length === 1;
}

const ENOUGH = '(slots IS NULL OR slots >= $2::bigint) AND (budget IS NULL OR budget >= $3::bigint)';

/** Gives back to the first lane that is free. Campaigns without limits have none. */
export async function giveToLane(sql: Sql, campaignId: string, slots: number, budget: number): Promise<void> {
  await takeFromLane(sql, campaignId, -slots, -budget);
}

/** What is left in all lanes together; nulls: no limit. */
export interface Left {
  readonly slots: number | null;
  readonly budget: number | null;
}

export async function readLeft(sql: Sql, campaignIds: readonly string[]): Promise<ReadonlyMap<string, Left>> {
  const rows = await sql.query<Left & { campaign_id: string }>({
    name: 'campaign_left',
    text: `SELECT campaign_id, sum(slots)::bigint AS slots, sum(budget)::bigint AS budget
      FROM core.campaign_lane WHERE campaign_id = ANY($1) GROUP BY 1`,
    values: [campaignIds],
  });
  return new Map(rows.map(({ campaign_id, slots, budget }) => [campaign_id, { slots, budget }]));
}
