import type { CoreContext } from '../context.ts';
import { canonicalJson, sha256 } from '../kernel/canonical.ts';
import type { Sql } from '../kernel/db/database.ts';
import { catchRefusal, ok, RefusalError, type Result, refuse } from '../kernel/errors.ts';
import { newId } from '../kernel/ids.ts';
import { readRow } from '../kernel/machine.ts';
import { type Money, money } from '../kernel/money.ts';
import { logOperation } from '../operations/operation-log.ts';
import { type CampaignState, campaignMachine } from './campaigns.machine.ts';
import { type CampaignRow, lockCode, readCampaignByCode, readCampaignByKey } from './campaigns.store.ts';
import { type CouponKind, type CouponTerms, refuseTerms } from './coupon-terms.ts';
import { readCoupon } from './coupons.store.ts';
import { openLanes, readLeft } from './lanes.store.ts';

/** What a campaign (优惠活动) gives, to how many, and for how much money in all. */
export interface CampaignWish {
  readonly name: string;
  readonly kind: CouponKind;
  /** One that many share; without it coupons are granted to users. */
  readonly code?: string | undefined;
  /** What is taken off; of a percentage, the most. */
  readonly amount: Money;
  readonly threshold?: Money | undefined;
  readonly basisPoints?: number | undefined;
  readonly startsAt: Date;
  readonly endsAt: Date;
  readonly perUserQuota?: number | undefined;
  readonly totalQuota?: number | undefined;
  readonly budget?: Money | undefined;
}

export interface Campaign {
  readonly row: CampaignRow;
  /** Coupons that can still be issued, and money that can still be given; null: no limit. */
  readonly left: { readonly slots: number | null; readonly budget: number | null };
}

/**
 * Opens a campaign, active at once; its coupons can be used from `startsAt`. The same `key` of the same actor with the
 * same wish answers the campaign of the first time.
 *
 * Refuses: `invalid_request` (terms that do not fit its kind, over before it starts), `currency_mismatch`, `coupon_exists`
 * (the code is taken), `idempotency_key_reused`.
 */
export async function createCampaign(
  ctx: CoreContext,
  actor: string,
  wish: CampaignWish,
  key: string,
): Promise<Result<{ readonly campaign: Campaign; readonly replayed: boolean }>> {
  const refused = refuseWish(wish);
  if (refused !== null) return refused;
  const grantKey = `${actor}:${key}`;
  const grantDigest = sha256(
    canonicalJson({ ...wish, startsAt: wish.startsAt.toISOString(), endsAt: wish.endsAt.toISOString() }),
  );
  const known = await readCampaignByKey(ctx.db, grantKey);
  if (known !== null) return again(ctx, known, grantDigest);
  const made = await catchRefusal(() => open(ctx, actor, wish, { grantKey, grantDigest }));
  if (made.ok) return ok({ campaign: await withLeft(ctx.db, made.value), replayed: false });
  // Another request was faster: the same wish sent twice at once, or another one that took the code.
  const first = await readCampaignByKey(ctx.db, grantKey);
  return first === null ? made : again(ctx, first, grantDigest);
}

function refuseWish(wish: CampaignWish): ReturnType<typeof refuse> | null {
  const { currency } = wish.amount;
  for (const [path, other] of [
    ['threshold', wish.threshold],
    ['budget', wish.budget],
  ] as const) {
    if (other !== undefined && other.currency !== currency) {
      return refuse('currency_mismatch', `The ${path} is in ${other.currency}, the amount in ${currency}.`);
    }
  }
  if (wish.startsAt >= wish.endsAt) {
    return refuse('invalid_request', 'The campaign would be over before it starts.', {
      errors: [{ path: 'endsAt', message: 'must be later than startsAt' }],
    });
  }
  return refuseTerms(termsOf(wish));
}

function termsOf({ kind, amount, threshold, basisPoints }: CampaignWish): CouponTerms {
  const { amount: off, currency } = amount;
  return { kind, currency, amount: off, threshold: threshold?.amount ?? 0, basisPoints: basisPoints ?? null };
}

async function open(
  ctx: CoreContext,
  actor: string,
  wish: CampaignWish,
  grant: { readonly grantKey: string; readonly grantDigest: string },
): Promise<CampaignRow> {
  const now = ctx.clock.now();
  const { amount, threshold, currency, basisPoints } = termsOf(wish);
  const id = newId('cmp', ctx.clock, ctx.random);
  return ctx.db.tx(async (tx) => {
    // The locks are those of every other with this key or this code, so what is read behind them stays true.
    await lockCode(tx, `key ${grant.grantKey}`);
    if (wish.code !== undefined) await lockCode(tx, wish.code);
    if (wish.code !== undefined && (await isTaken(tx, wish.code))) throw new RefusalError(refuseCode(wish.code));
    if ((await readCampaignByKey(tx, grant.grantKey)) !== null) throw new RefusalError(refuseKey());
    const row = await ctx.mover.create<CampaignRow, typeof campaignMachine>(tx, campaignMachine, {
      id,
      columns: {
        name: wish.name,
        kind: wish.kind,
        code: wish.code ?? null,
        currency,
        amount,
        threshold,
        basis_points: basisPoints,
        starts_at: wish.startsAt,
        ends_at: wish.endsAt,
        per_user_quota: wish.perUserQuota ?? null,
        total_quota: wish.totalQuota ?? null,
        budget: wish.budget?.amount ?? null,
        grant_key: grant.grantKey,
        grant_digest: grant.grantDigest,
        created_at: now,
      },
      actor,
      reason: 'opened',
    });
    await openLanes(tx, id, { totalQuota: row.total_quota, budget: row.budget, amount });
    const after = {
      name: row.name,
      kind: row.kind,
      code: row.code,
      amount: money(amount, currency),
      quota: row.total_quota,
    };
    await logOperation(
      tx,
      { actor, entityType: 'campaign', entityId: id, operation: 'create', before: null, after },
      now,
    );
    return row;
  });
}

async function isTaken(sql: Sql, code: string): Promise<boolean> {
  return (await readCoupon(sql, code)) !== null || (await readCampaignByCode(sql, code)) !== null;
}

export function refuseCode(code: string) {
  return refuse('coupon_exists', `Another coupon has the code ${code}.`);
}

function refuseKey() {
  return refuse('idempotency_key_reused', 'This Idempotency-Key opened another campaign.');
}

async function again(
  ctx: CoreContext,
  row: CampaignRow,
  digest: string,
): Promise<Result<{ readonly campaign: Campaign; readonly replayed: boolean }>> {
  if (row.grant_digest !== digest) return refuseKey();
  return ok({ campaign: await withLeft(ctx.db, row), replayed: true });
}

export async function withLeft(sql: Sql, row: CampaignRow): Promise<Campaign> {
  const left = await readLeft(sql, [row.id]);
  return { row, left: left.get(row.id) ?? { slots: null, budget: null } };
}

/** Refuses: `campaign_unknown`. */
export async function findCampaign(sql: Sql, id: string): Promise<Result<Campaign>> {
  const row = await readRow<CampaignRow>(sql, campaignMachine, id);
  return row === null ? refuseUnknown(id) : ok(await withLeft(sql, row));
}

export function refuseUnknown(id: string) {
  return refuse('campaign_unknown', `No campaign has the id ${id}.`);
}

/** What people say to a campaign: from which states, and where it goes. */
const COMMANDS = {
  pause: { from: ['ACTIVE'], to: 'PAUSED' },
  resume: { from: ['PAUSED'], to: 'ACTIVE' },
  end: { from: ['ACTIVE', 'PAUSED'], to: 'ENDED' },
} as const satisfies Record<string, { from: readonly CampaignState[]; to: CampaignState }>;

export type CampaignCommand = keyof typeof COMMANDS;
export const CAMPAIGN_COMMANDS = Object.keys(COMMANDS) as [CampaignCommand, ...CampaignCommand[]];

/**
 * Pauses, resumes or ends a campaign. Said twice it is one. Orders that hold a coupon of it keep it.
 *
 * Refuses: `campaign_unknown`, `wrong_state`.
 */
export async function commandCampaign(
  ctx: CoreContext,
  actor: string,
  id: string,
  command: CampaignCommand,
  reason: string,
): Promise<Result<Campaign>> {
  const { from, to } = COMMANDS[command];
  for (const state of from) {
    const moved = await ctx.mover.move<CampaignRow, typeof campaignMachine, 'ACTIVE' | 'PAUSED'>(
      ctx.db,
      campaignMachine,
      {
        id,
        from: state,
        to,
        actor,
        reason,
      },
    );
    if (moved.row === null) return refuseUnknown(id);
    if (moved.kind !== 'elsewhere') return ok(await withLeft(ctx.db, moved.row));
  }
  const found = await findCampaign(ctx.db, id);
  if (!found.ok) return found;
  return refuse('wrong_state', `Campaign ${id} is ${found.value.row.state}: it cannot ${command} any more.`);
}
