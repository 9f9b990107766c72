import { afterAll, beforeAll, expect, test } from 'vitest';
import { shipmentMachine } from '../../core/fulfilment/fulfilment.machine.ts';
import { applyParcel } from '../../core/fulfilment/parcel.ts';
import { openWorld, type World } from '../reconcile/support.ts';
import { eventually } from '../support/eventually.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

/** A paid order's shipment that is under way. */
async function shipmentUnderWay(): Promise<{ id: string; orderId: string }> {
  const { payOrderId, orderId } = await world.order();
  await world.paid(payOrderId);
  const row = await world.one<{ id: string; state: string }>(
    'SELECT id, state FROM core.shipment WHERE order_id = $1',
    [orderId],
  );
  expect(row.state).toBe('F2');
  return { id: row.id, orderId };
}

test('the same end reported by a callback and a poll at once is followed up once', async () => {
  const { ctx } = world;
  const { id, orderId } = await shipmentUnderWay();
  const cause = { actor: 'test', reason: 'a test' };
  const view = { shipmentId: id, state: 'failed' } as const;
  const moved = Promise.withResolvers<void>();
  const commit = Promise.withResolvers<void>();
  const first = ctx.db.tx(async (tx) => {
    const outcome = await applyParcel(ctx, id, view, cause, tx);
    moved.resolve();
    await commit.promise;
    return outcome;
  });
  await moved.promise;
  const second = applyParcel(ctx, id, view, cause);
  second.catch(() => undefined);
  // It has read the row as it was, and waits for the one that moved it and has not committed.
  await eventually(async () => {
    const waiting = `SELECT count(*) AS count FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    expect((await world.one<{ count: number }>(waiting)).count).toBe(1);
  });
  commit.resolve();
  expect(await first).toEqual({ kind: 'applied' });
  expect(await second).toEqual({ kind: 'known' });
  await ctx.background.idle();
  expect(await world.state('orders', orderId)).toBe('O3');
  const refunds = 'SELECT count(*) AS count FROM core.refund WHERE order_id = $1';
  expect(await world.one(refunds, [orderId])).toEqual({ count: 1 });
});

test('another end than the one that was being committed is a contradiction', async () => {
  const { ctx } = world;
  const { id, orderId } = await shipmentUnderWay();
  const moved = Promise.withResolvers<void>();
  const commit = Promise.withResolvers<void>();
  const cause = { actor: 'test', reason: 'a test' };
  const first = ctx.db.tx(async (tx) => {
    await ctx.mover.move(tx, shipmentMachine, { id, from: 'F2', to: 'F4', ...cause });
    moved.resolve();
    await commit.promise;
  });
  await moved.promise;
  const second = applyParcel(ctx, id, { shipmentId: id, state: 'cancelled' }, cause);
  await eventually(async () => {
    const waiting = `SELECT count(*) AS count FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    expect((await world.one<{ count: number }>(waiting)).count).toBe(1);
  });
  commit.resolve();
  await first;
  expect(await second).toMatchObject({ kind: 'conflict' });
  expect(await world.state('orders', orderId)).toBe('O1');
});
