import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fulfilmentRoutes } from '../../core/fulfilment/fulfilment.routes.ts';
import { shipPart } from '../../core/fulfilment/parts.ts';
import { confirmOrder } from '../../core/orders/confirm.ts';
import { openWorld, type World } from '../reconcile/support.ts';
import { countersOf, deliver, paidOrder, shipmentsOf, tell } from '../support/aftersales.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

const ship = (orderId: string, lines: { lineNo: number; quantity: number }[], key = `k-${orderId}`) =>
  shipPart(world.ctx, 'a warehouse', { orderId, lines, key });

describe('partial shipments', () => {
  test('a part is taken out of the shipment once the service has given it up; the order is fulfilled by the last', async () => {
    const { orderId } = await paidOrder(world, [
      { skuId: world.sku, quantity: 3 },
      { skuId: world.sku, quantity: 1 },
    ]);
    const made = await ship(orderId, [{ lineNo: 1, quantity: 2 }]);
    expect(made).toMatchObject({ ok: true, value: { lines: [{ lineNo: 1, quantity: 2 }] } });
    await world.ctx.background.idle();
    const [first, ...parts] = await shipmentsOf(world, orderId);
    expect(first?.state).toBe('F5');
    expect(parts.map(({ state }) => state)).toEqual(['F2', 'F2']);
    expect(parts.map(({ lines }) => lines)).toEqual(
      expect.arrayContaining([
        [{ line: 1, quantity: 2 }],
        [
          { line: 1, quantity: 1 },
          { line: 2, quantity: 1 },
        ],
      ]),
    );
    await tell(world, parts[0]?.id ?? '', 'delivered');
    expect(await world.state('orders', orderId)).toBe('O1');
    await tell(world, parts[1]?.id ?? '', 'delivered');
    expect(await world.state('orders', orderId)).toBe('O2');
    expect((await countersOf(world, orderId)).map(({ shipped }) => shipped)).toEqual([3, 1]);
    // Sent again it is the same shipment, with other pieces under the key a refusal.
    expect(await ship(orderId, [{ lineNo: 1, quantity: 2 }])).toMatchObject({ ok: true });
    expect(await ship(orderId, [{ lineNo: 1, quantity: 1 }])).toMatchObject({ code: 'idempotency_key_reused' });
    expect(await shipmentsOf(world, orderId)).toHaveLength(3);
  });

  test('too late to cancel: the parts end, and what travels delivers everything', async () => {
    const { orderId } = await paidOrder(world, [{ skuId: world.sku, quantity: 2 }]);
    const [whole] = await shipmentsOf(world, orderId);
    world.outside.fulfilment.set(whole?.id ?? '', 'processing');
    expect(await ship(orderId, [{ lineNo: 1, quantity: 1 }])).toMatchObject({ ok: true });
    await world.ctx.background.idle();
    expect((await shipmentsOf(world, orderId)).map(({ state }) => state)).toEqual(['F2', 'F5', 'F5']);
    await deliver(world, orderId);
    expect(await world.state('orders', orderId)).toBe('O2');
    expect(await countersOf(world, orderId)).toMatchObject([{ shipped: 2, dropped: 0 }]);
  });

  test('the intent outlives the process: the repairs ask for the cancel, and start the parts', async () => {
    const { orderId } = await paidOrder(world, [{ skuId: world.sku, quantity: 2 }]);
    world.outside.fulfilment.down = true;
    await ship(orderId, [{ lineNo: 1, quantity: 1 }]);
    await world.ctx.background.idle();
    expect((await shipmentsOf(world, orderId)).map(({ state }) => state)).toEqual(['F2', 'F0', 'F0']);
    world.outside.fulfilment.down = false;
    await world.later(60);
    await world.repair('f2');
    await world.later(60);
    await world.repair('f0');
    expect((await shipmentsOf(world, orderId)).map(({ state }) => state)).toEqual(['F5', 'F2', 'F2']);
    expect(world.outside.fulfilment.mostEffects).toBe(1);
  });

  test('a part that fails is refunded by itself, and the rest is delivered', async () => {
    const { payOrderId, orderId } = await paidOrder(world, [{ skuId: world.sku, quantity: 3 }]);
    await ship(orderId, [{ lineNo: 1, quantity: 2 }]);
    await world.ctx.background.idle();
    const parts = (await shipmentsOf(world, orderId)).filter(({ state }) => state === 'F2');
    const two = parts.find(({ lines }) => lines[0]?.quantity === 2)?.id ?? '';
    const stock = () => world.one<{ on_hand: number }>('SELECT on_hand FROM core.stock WHERE sku_id = $1', [world.sku]);
    const before = await stock();
    await tell(world, two, 'failed');
    expect(await world.state('orders', orderId)).toBe('O1');
    await deliver(world, orderId);
    expect(await world.state('orders', orderId)).toBe('O2');
    expect(await countersOf(world, orderId)).toEqual([
      { shipped: 1, returned: 0, dropped: 2, claimed: 2, refunded: 2 },
    ]);
    const refund = 'SELECT state, amount, cause FROM core.refund WHERE pay_order_id = $1';
    expect(await world.one(refund, [payOrderId])).toEqual({ state: 'R10', amount: 15800, cause: 'fulfilment_failed' });
    expect((await stock()).on_hand - before.on_hand).toBe(2);
  });

  test('refusals: unknown order, unpaid order, no such line, too many pieces, all of a shipment', async () => {
    expect(await ship('9999999999999999999', [{ lineNo: 1, quantity: 1 }])).toMatchObject({ code: 'order_unknown' });
    const unpaid = await world.order();
    expect(await ship(unpaid.orderId, [{ lineNo: 1, quantity: 1 }])).toMatchObject({ code: 'wrong_state' });
    const { orderId } = await paidOrder(world, [{ skuId: world.sku, quantity: 2 }]);
    expect(await ship(orderId, [{ lineNo: 2, quantity: 1 }])).toMatchObject({ code: 'invalid_request' });
    expect(await ship(orderId, [{ lineNo: 1, quantity: 3 }])).toMatchObject({ code: 'wrong_state' });
    expect(await ship(orderId, [{ lineNo: 1, quantity: 2 }])).toMatchObject({ code: 'wrong_state' });
  });
});

test('the ABA problem: 123 is sent, times out, is corrected to 456, and its retry changes nothing', async () => {
  const { orderId } = await paidOrder(world, [{ skuId: world.sku, quantity: 1 }]);
  const [shipment] = await shipmentsOf(world, orderId);
  const merchant = await world.core.http([fulfilmentRoutes(world.ctx)]);
  const write = (trackingNo: string, version: number) =>
    merchant.send(
      'merchant',
      'PUT',
      `/v1/orders/${orderId}/shipments/${shipment?.id}`,
      { carrier: 'SF', trackingNo },
      {
        'if-match': `"${version}"`,
      },
    );
  const read = shipment?.version ?? 0;
  // Request A writes 123. It succeeds, but its answer is lost on the way.
  const a = await write('123', read);
  expect(a.status).toBe(200);
  // The merchant sees the mistake, reads the shipment as it is now, and request B writes 456.
  const b = await write('456', read + 1);
  expect(b.body).toMatchObject({ trackingNo: '456', version: read + 2 });
  // Request A is sent again by itself. It carries the version that it had read, which is no longer the present one.
  const again = await write('123', read);
  expect(again.status).toBe(412);
  expect(again.body).toMatchObject({ code: 'stale_revision', version: read + 2 });
  const row = 'SELECT tracking_no FROM core.shipment WHERE id = $1';
  expect(await world.one(row, [shipment?.id])).toEqual({ tracking_no: '456' });
  // Nor does the service's own older number undo what a person corrected.
  world.outside.fulfilment.parcels.set(shipment?.id ?? '', {
    shipmentId: shipment?.id ?? '',
    state: 'delivered',
    trackingNo: '123',
  });
  await world.later(30);
  await world.repair('f2');
  expect(await world.one(row, [shipment?.id])).toEqual({ tracking_no: '456' });
});

test('received: O2 becomes O5 once, and nothing else does', async () => {
  const { orderId } = await paidOrder(world, [{ skuId: world.sku, quantity: 1 }]);
  expect(await confirmOrder(world.ctx, 'a shop', orderId)).toMatchObject({ code: 'wrong_state' });
  await deliver(world, orderId);
  const both = await Promise.all([1, 2].map(() => confirmOrder(world.ctx, 'a shop', orderId)));
  expect(both).toEqual([1, 2].map(() => ({ ok: true, value: { orderId, state: 'O5' } })));
  const moves = `SELECT count(*) AS count FROM core.event WHERE entity_id = $1 AND to_state = 'O5'`;
  expect(await world.one(moves, [orderId])).toEqual({ count: 1 });
});
