import type { ExampleRuns, Stage } from '../stage.ts';

const booked = async (stage: Stage) => {
  const { payOrderId } = await stage.paidOrder();
  return { params: { accountId: 'merchant_payable:CNY', payOrderId } };
};

export default {
  id: 'ledger',
  runs: {
    'GET /v1/accounts/{accountId}': { setUp: booked },
    'GET /v1/accounts/{accountId}/entries': { setUp: booked },
    'GET /v1/pay-orders/{payOrderId}/entries': { setUp: booked },
  },
} satisfies ExampleRuns;
