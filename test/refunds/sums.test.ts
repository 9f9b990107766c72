import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Sql } from '../../core/kernel/db/database.ts';
import { refundedOf, unrefundedOf } from '../../core/refunds/refunds.store.ts';
import { openWorld, type World } from '../reconcile/support.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

/** The plan of the one statement that `ask` sends, on tables that are too small to show what a million rows would cost. */
async function planOf(ask: (sql: Sql) => Promise<unknown>): Promise<string> {
  return world.ctx.db.tx(async (tx) => {
    await tx.query({ text: 'SET LOCAL enable_seqscan = off' });
    let plan = '';
    const explaining: Sql = {
      query: async (query) => {
        const { name: _, ...rest } = query;
        const rows = await tx.query<{ 'QUERY PLAN': string }>({ ...rest, text: `EXPLAIN ${query.text}` });
        plan = rows.map((row) => row['QUERY PLAN']).join('\n');
        return tx.query(query);
      },
    };
    await ask(explaining);
    return plan;
  });
}

test('the sums of refunds are right, and read the refunds of one pay order only', async () => {
  const { ctx, outside } = world;
  outside.fulfilment.onInit = 'failed';
  const { payOrderId, orderId } = await world.order();
  await world.paid(payOrderId);
  expect(await world.state('orders', orderId)).toBe('O3');
  const capture = 'SELECT id FROM core.capture WHERE pay_order_id = $1';
  const { id } = await world.one<{ id: string }>(capture, [payOrderId]);
  expect(await refundedOf(ctx.db, id)).toMatchObject({ captured: 7900, refunded: 7900 });
  expect(await unrefundedOf(ctx.db, orderId)).toBe(0);

  const plan = await planOf((sql) => refundedOf(sql, id));
  expect(plan).toContain('refund_pay_order');
  expect(plan).not.toContain('Seq Scan on refund');
  expect(await planOf((sql) => unrefundedOf(sql, orderId))).toContain('order_line');
});
