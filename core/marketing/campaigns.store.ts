import type { Sql } from '../kernel/db/database.ts';
import type { MachineRow } from '../kernel/machine.ts';
import type { Currency } from '../kernel/money.ts';
import type { CampaignState } from './campaigns.machine.ts';
import type { CouponKind } from './coupon-terms.ts';

export interface CampaignRow extends MachineRow {
  readonly state: CampaignState;
  readonly name: string;
  readonly kind: CouponKind;
  readonly code: string | null;
  readonly currency: Currency;
  readonly amount: number;
  readonly threshold: number;
  readonly basis_points: number | null;
  readonly starts_at: Date;
  readonly ends_at: Date;
  readonly per_user_quota: number | null;
  readonly total_quota: number | null;
  readonly budget: number | null;
  readonly grant_key: string;
  readonly grant_digest: string;
  readonly created_at: Date;
}

export async function readCampaignByKey(sql: Sql, grantKey: string): Promise<CampaignRow | null> {
  const rows = await sql.query<CampaignRow>({
    name: 'campaign_by_key',
    text: 'SELECT * FROM core.campaign WHERE grant_key = $1',
    values: [grantKey],
  });
  return rows[0] ?? null;
}

export async function readCampaignByCode(sql: Sql, code: string): Promise<CampaignRow | null> {
  const rows = await sql.query<CampaignRow>({
    name: 'campaign_by_code',
    text: 'SELECT * FROM core.campaign WHERE code = $1',
    values: [code],
  });
  return rows[0] ?? null;
}

/** The newest first; ids grow with time. `before` is the last id of the page before. */
export async function listCampaigns(sql: Sql, before: string | undefined, limit: number): Promise<CampaignRow[]> {
  return sql.query<CampaignRow>({
    name: 'campaigns_list',
    text: `SELECT * FROM core.campaign WHERE $1::text IS NULL OR id < $1 ORDER BY id DESC LIMIT $2`,
    values: [before ?? null, limit],
  });
}

/** Coupons of a campaign that a user has or had; those whose place is free again are out. */
export async function countOfUser(sql: Sql, campaignId: string, userId: number): Promise<number> {
  const rows = await sql.query<{ count: number }>({
    name: 'campaign_count_of_user',
    text: `SELECT count(*) AS count FROM core.coupon WHERE campaign_id = $1 AND user_id = $2 AND ${COUNTS}`,
    values: [campaignId, userId],
  });
  return rows[0]?.count ?? 0;
}

/** A coupon that counts against the quotas. */
export const COUNTS = `NOT (shared AND state = 'void')`;

/** Whoever counts a user's coupons of a campaign, and makes one, does so alone until the transaction ends. */
export async function lockUserOfCampaign(tx: Sql, campaignId: string, userId: number): Promise<void> {
  await tx.query({
    name: 'campaign_lock_user',
    text: `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`,
    values: [`campaign ${campaignId} of user ${userId}`],
  });
}

/** A code names one coupon, or one campaign whose coupons many may use: never both. Whoever makes one does so alone. */
export async function lockCode(tx: Sql, code: string): Promise<void> {
  await tx.query({
    name: 'coupon_lock_code',
    text: `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`,
    values: [`coupon code ${code}`],
  });
}
