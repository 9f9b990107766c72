import type { ExampleRuns, Stage } from '../stage.ts';

const order = async (stage: Stage) => ({ params: await stage.order() });

export default {
  id: 'orders',
  runs: {
    'POST /v1/orders': {},
    'GET /v1/orders': {
      setUp: async (stage) => {
        await stage.order();
        return { query: { userId: '1001' } };
      },
    },
    'GET /v1/orders/{orderId}': { setUp: async (stage) => ({ params: await stage.paidOrder() }) },
    'POST /v1/orders/{orderId}/cancel': { setUp: order },
    'GET /v1/pay-orders/{payOrderId}': { setUp: async (stage) => ({ params: await stage.paidOrder() }) },
  },
} satisfies ExampleRuns;
