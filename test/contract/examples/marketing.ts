import type { CoreContext } from '../../../core/context.ts';
import { createCampaign } from '../../../core/marketing/campaigns.ts';
import { grantCoupon } from '../../../core/marketing/coupons.ts';
import { grantPoints } from '../../../core/marketing/points.ts';
import type { ExampleRuns } from '../stage.ts';

async function spring(ctx: CoreContext): Promise<void> {
  const amount = { amount: 1_000, currency: 'CNY' } as const;
  const validUntil = new Date('2099-01-01T00:00:00Z');
  await grantCoupon(ctx, 'a merchant', { code: 'SPRING10', userId: 1001, amount, validUntil }, 'spring');
}

async function campaign(ctx: CoreContext): Promise<{ campaignId: string }> {
  const wish = {
    name: 'spring',
    kind: 'fixed',
    amount: { amount: 1_000, currency: 'CNY' },
    startsAt: new Date('2020-01-01T00:00:00Z'),
    endsAt: new Date('2099-01-01T00:00:00Z'),
  } as const;
  const made = await createCampaign(ctx, 'a merchant', wish, 'spring');
  if (!made.ok) throw new Error(made.detail);
  return { campaignId: made.value.campaign.row.id };
}

export default {
  id: 'marketing',
  runs: {
    'POST /v1/coupons': {},
    'GET /v1/coupons/{code}': {
      setUp: async ({ ctx }) => {
        await spring(ctx);
        return { params: { code: 'SPRING10' } };
      },
    },
    'POST /v1/coupons/quote': {
      setUp: async ({ ctx }) => {
        await spring(ctx);
        return {};
      },
    },
    'GET /v1/users/{userId}/coupons': {
      setUp: async ({ ctx }) => {
        await spring(ctx);
        return { params: { userId: '1001' }, query: { goods: '7900' } };
      },
    },
    'POST /v1/campaigns': {},
    'GET /v1/campaigns': {
      setUp: async ({ ctx }) => {
        await campaign(ctx);
        return {};
      },
    },
    'GET /v1/campaigns/{campaignId}': { setUp: async ({ ctx }) => ({ params: await campaign(ctx) }) },
    'POST /v1/campaigns/{campaignId}/{command}': { setUp: async ({ ctx }) => ({ params: await campaign(ctx) }) },
    'POST /v1/campaigns/{campaignId}/coupons': { setUp: async ({ ctx }) => ({ params: await campaign(ctx) }) },
    'POST /v1/users/{userId}/points': { setUp: async () => ({ params: { userId: '1001' } }) },
    'GET /v1/users/{userId}/points': {
      setUp: async ({ ctx }) => {
        await grantPoints(ctx, 'a merchant', { userId: 1001, points: 500, reason: 'sorry' }, 'sorry');
        return { params: { userId: '1001' } };
      },
    },
  },
} satisfies ExampleRuns;
