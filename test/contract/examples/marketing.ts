import { grantCoupon } from '../../../core/marketing/coupons.ts';
import type { ExampleRuns } from '../stage.ts';

export default {
  id: 'marketing',
  runs: {
    'POST /v1/coupons': {},
    'GET /v1/coupons/{code}': {
      setUp: async ({ ctx }) => {
        const amount = { amount: 1_000, currency: 'CNY' } as const;
        const validUntil = new Date('2099-01-01T00:00:00Z');
        await grantCoupon(ctx, 'a merchant', { code: 'SPRING10', amount, validUntil }, 'spring');
        return { params: { code: 'SPRING10' } };
      },
    },
  },
} satisfies ExampleRuns;
