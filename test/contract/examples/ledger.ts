import { proposeRebuild } from '../../../core/ledger/rebuild.ts';
import type { ExampleRuns, Stage } from '../stage.ts';

const booked = async (stage: Stage) => {
  const { payOrderId } = await stage.paidOrder();
  return { params: { accountId: 'merchant_payable:CNY', payOrderId } };
};

const wallet = { accountId: 'wallet:1001:CNY', userId: '1001', currency: 'CNY' };

/** A wallet that stores more than the journal says. */
const drifted = async ({ ctx }: Stage) => {
  await ctx.db.query({
    text: `INSERT INTO core.account (id, kind, currency, floor, balance, sequence, created_at)
      VALUES ($1, 'wallet', 'CNY', 0, 900, 5, now())`,
    values: [wallet.accountId],
  });
  return { params: wallet };
};

const proposed = async (stage: Stage) => {
  await drifted(stage);
  const wish = { accountId: wallet.accountId, reason: 'a torn restore' };
  const made = await proposeRebuild(stage.ctx, { name: 'Li Lei', issuedBy: 'the office' }, wish);
  if (!made.ok) throw new Error(made.detail);
  return { params: { id: made.value.id } };
};

export default {
  id: 'ledger',
  runs: {
    'GET /v1/accounts/{accountId}': { setUp: booked },
    'GET /v1/accounts/{accountId}/entries': { setUp: booked },
    'GET /v1/pay-orders/{payOrderId}/entries': { setUp: booked },
    'GET /v1/users/{userId}/balances': { setUp: drifted },
    'GET /v1/users/{userId}/balances/{currency}/entries': { setUp: drifted },
    'POST /v1/accounts/{accountId}/rebuilds': { setUp: drifted },
    'POST /v1/rebuilds/{id}/approve': { setUp: proposed },
    'POST /v1/rebuilds/{id}/reject': { setUp: proposed },
  },
} satisfies ExampleRuns;
