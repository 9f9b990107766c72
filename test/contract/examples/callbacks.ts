import { Webhook } from 'standardwebhooks';
import { secretOf } from '../../../core/callbacks/signatures.ts';
import { WEBHOOK_SECRET } from '../../support/sandbox.ts';
import type { ExampleRuns } from '../stage.ts';

export default {
  id: 'callbacks',
  runs: {
    'POST /v1/callbacks/{kind}': {
      setUp: async (stage) => {
        const { paymentId } = await stage.atTheChannel();
        const at = stage.ctx.clock.now();
        const text = JSON.stringify({
          type: 'trade.paid',
          source: 'sandbox',
          merchantId: 'tidegate',
          tradeNo: paymentId,
          transactionId: `tx_${paymentId}`,
          amount: 7_900,
          currency: 'CNY',
          occurredAt: at.toISOString(),
        });
        const signature = new Webhook(secretOf(WEBHOOK_SECRET, 'sandbox')).sign('evt_1', at, text);
        const headers = {
          'webhook-id': 'evt_1',
          'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
          'webhook-signature': signature,
        };
        return { params: { kind: 'payment' }, headers, text };
      },
    },
  },
} satisfies ExampleRuns;
