import { submitted } from '../../support/orders.ts';
import type { ExampleRuns, Stage } from '../stage.ts';

const order = async (stage: Stage) => ({ params: await stage.order() });

const ticket = async (stage: Stage) => {
  stage.guard.off.add('orders.direct');
  const stored = await submitted(stage.ctx, [100_001], { userId: 1001 });
  if (!stored.ok || stored.value.kind !== 'queued') throw new Error('it was not stored up');
  return { params: { ticketId: stored.value.ticket.id } };
};

export default {
  id: 'orders',
  runs: {
    'POST /v1/orders': { status: 201 },
    'GET /v1/orders': {
      setUp: async (stage) => {
        await stage.order();
        return { query: { userId: '1001' } };
      },
    },
    'GET /v1/orders/{orderId}': { setUp: async (stage) => ({ params: await stage.paidOrder() }) },
    'POST /v1/orders/{orderId}/cancel': { setUp: order },
    'GET /v1/tickets/{ticketId}': { setUp: ticket },
    'DELETE /v1/tickets/{ticketId}': { setUp: ticket },
    'GET /v1/pay-orders/{payOrderId}': { setUp: async (stage) => ({ params: await stage.paidOrder() }) },
  },
} satisfies ExampleRuns;
