import type { ExampleRuns } from '../stage.ts';

export default {
  id: 'payments',
  runs: {
    'POST /v1/pay-orders/{payOrderId}/pay': { setUp: async (stage) => ({ params: await stage.order() }) },
  },
} satisfies ExampleRuns;
