import { afterAll, beforeAll, expect, test } from 'vitest';
import { shipPart } from '../../core/fulfilment/parts.ts';
import { openWorld, type World } from '../reconcile/support.ts';
import { askedAndApproved, paidOrder, shipmentsOf } from '../support/aftersales.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

let keys = 0;
async function ship(orderId: string, lines: readonly { lineNo: number; quantity: number }[]): Promise<void> {
  const shipped = await shipPart(world.ctx, 'the warehouse', { orderId, lines, key: `followers-${++keys}` });
  if (!shipped.ok) throw new Error(shipped.detail);
  await world.ctx.background.idle();
}

test('refund against a split under way: no piece lies in two parcels', async () => {
  const { orderId } = await paidOrder(world, [
    { skuId: world.sku, quantity: 4 },
    { skuId: world.sku, quantity: 1 },
  ]);
  await ship(orderId, [{ lineNo: 1, quantity: 2 }]);
  await world.later(1);
  const rest = (await shipmentsOf(world, orderId)).find(({ state, lines }) => state === 'F2' && lines.length === 2);
  if (rest === undefined) throw new Error('no rest');
  // The second split cannot ask the service yet, so what follows it waits.
  world.outside.fulfilment.down = true;
  await ship(orderId, [
    { lineNo: 1, quantity: 1 },
    { lineNo: 2, quantity: 1 },
  ]);
  world.outside.fulfilment.down = false;
  await world.later(1);
  await ship(orderId, [{ lineNo: 1, quantity: 1 }]);
  world.outside.fulfilment.set(rest.id, 'processing');
  await world.later(1);
  await askedAndApproved(world, { orderId, kind: 'refund', lines: [{ lineNo: 1, quantity: 4 }] });
  for (const repair of ['f0', 'f1', 'f2', 'refund-r2', 'f0', 'f1', 'f2']) {
    await world.later(20);
    await world.repair(repair);
  }
  const holding = await world.ctx.db.query<{ id: string }>({
    text: `SELECT s.id FROM core.shipment s JOIN core.shipment_line l ON l.shipment_id = s.id
      WHERE s.order_id = $1 AND s.state IN ('F1', 'F2', 'F4') AND l.line_no = 2`,
    values: [orderId],
  });
  expect(holding).toEqual([{ id: rest.id }]);
});
