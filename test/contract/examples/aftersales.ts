import { requestRefund } from '../../../core/aftersales/request.ts';
import { newId } from '../../../core/kernel/ids.ts';
import { pay } from '../../../core/payments/payments.ts';
import { placed } from '../../support/orders.ts';
import type { ExampleRuns, Stage } from '../stage.ts';

const NEVER = new AbortController().signal;

/** Two T-shirts, paid and in one parcel. */
async function twoShirts(
  stage: Stage,
): Promise<{ readonly orderId: string; readonly shipmentId: string; readonly version: number }> {
  stage.outside.channel.onInit = 'paid';
  const { payOrderId, orders } = await placed(stage.ctx, [{ skuId: 100_001, quantity: 2 }], { userId: 1001 });
  const pressed = await pay(stage.ctx, { payOrderId, channel: 'sandbox' }, NEVER);
  if (!pressed.ok) throw new Error(pressed.detail);
  await stage.ctx.background.idle();
  const orderId = orders[0]?.orderId ?? '';
  const [shipment] = await stage.ctx.db.query<{ id: string; version: number }>({
    text: 'SELECT id, version FROM core.shipment WHERE order_id = $1',
    values: [orderId],
  });
  return { orderId, shipmentId: shipment?.id ?? '', version: shipment?.version ?? 0 };
}

/** A refund of one of them that waits for a decision, or was forced further. */
async function asked(stage: Stage, state = 'R1'): Promise<{ readonly params: { readonly refundId: string } }> {
  const { orderId } = await twoShirts(stage);
  const wish = { orderId, kind: 'refund', lines: [{ lineNo: 1, quantity: 1 }], reason: 'too small' } as const;
  const key = newId('key', stage.ctx.clock, stage.ctx.random);
  const made = await requestRefund(stage.ctx, { name: 'the shopper', entrance: 'user' }, wish, key);
  if (!made.ok) throw new Error(made.detail);
  const refundId = made.value.refund.id;
  await stage.ctx.db.query({
    text: `WITH line AS (UPDATE core.refund_line SET kept = quantity WHERE refund_id = $1 AND $2 = 'R15')
      UPDATE core.refund SET state = $2 WHERE id = $1`,
    values: [refundId, state],
  });
  if (state === 'R3') {
    const { releaseClaims } = await import('../../../core/refunds/claims.store.ts');
    await releaseClaims(stage.ctx.db, refundId);
  }
  return { params: { refundId } };
}

export default {
  id: 'aftersales',
  runs: {
    'POST /v1/orders/{orderId}/shipments': { setUp: async (stage) => ({ params: await twoShirtsParams(stage) }) },
    'PUT /v1/orders/{orderId}/shipments/{shipmentId}': {
      setUp: async (stage) => {
        const { orderId, shipmentId, version } = await twoShirts(stage);
        return { params: { orderId, shipmentId }, headers: { 'if-match': `"${version}"` } };
      },
    },
    'POST /v1/orders/{orderId}/confirm': {
      setUp: async (stage) => {
        const { orderId } = await twoShirts(stage);
        await stage.ctx.db.query({ text: `UPDATE core.orders SET state = 'O2' WHERE id = $1`, values: [orderId] });
        return { params: { orderId } };
      },
    },
    'POST /v1/refunds': {
      setUp: async (stage) => {
        const { orderId } = await twoShirts(stage);
        return { body: (example) => ({ ...example, orderId }) };
      },
    },
    'GET /v1/refunds/{refundId}': { setUp: (stage) => asked(stage) },
    'POST /v1/refunds/{refundId}/approve': { setUp: (stage) => asked(stage) },
    'POST /v1/refunds/{refundId}/reject': { setUp: (stage) => asked(stage) },
    'POST /v1/refunds/{refundId}/object': { setUp: (stage) => asked(stage, 'R3') },
    'POST /v1/refunds/{refundId}/retry': { setUp: (stage) => asked(stage, 'R15') },
    'POST /v1/refunds/{refundId}/settle': { setUp: (stage) => asked(stage, 'R15') },
    'POST /v1/refunds/{refundId}/close': { setUp: (stage) => asked(stage, 'R15') },
  },
} satisfies ExampleRuns;

async function twoShirtsParams(stage: Stage): Promise<{ readonly orderId: string }> {
  const { orderId } = await twoShirts(stage);
  return { orderId };
}
