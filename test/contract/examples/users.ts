import { blockUser } from '../../../core/users/users.ts';
import type { ExampleRuns } from '../stage.ts';

const params = { userId: '1001' };

export default {
  id: 'users',
  runs: {
    'GET /v1/users/{userId}': { setUp: async () => ({ params }) },
    'PUT /v1/users/{userId}/level': { setUp: async () => ({ params }) },
    'POST /v1/users/{userId}/block': { setUp: async () => ({ params }) },
    'POST /v1/users/{userId}/unblock': {
      setUp: async ({ ctx }) => {
        await blockUser(ctx, 'an operator', 1001, 'chargebacks');
        return { params };
      },
    },
  },
} satisfies ExampleRuns;
