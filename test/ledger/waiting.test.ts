import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../core/kernel/clock.ts';
import { wallet } from '../../core/ledger/accounts.ts';
import * as booking from '../../core/ledger/booking.ts';
import { tryPost } from '../../core/ledger/ledger.ts';
import { type TestDatabase, testDatabase } from '../support/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase({ poolSize: 8 });
});
afterAll(() => database?.[Symbol.asyncDispose]());

let facts = 0;
const fact = () => {
  facts += 1;
  return { reference: `waiting_${facts}`, payOrderId: null, reason: 'a test', currency: 'CNY', userId: 7 } as const;
};
const topUp = (amount: number) => booking.walletToppedUp({ ...fact(), amount, orderId: null });
const hold = (amount: number) => booking.walletHeld({ ...fact(), amount });

/** Connections of this database that wait for a lock. */
async function waiting(): Promise<number> {
  const [row] = await database.db.query<{ n: number }>({
    text: `SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
  });
  return row?.n ?? -1;
}

test('a withdrawal that waits for the top-up that pays for it is booked', async () => {
  await database.db.tx((tx) => tryPost(tx, systemClock, topUp(10)));
  const inside = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const credited = database.db.tx(async (tx) => {
    await tryPost(tx, systemClock, topUp(100));
    inside.resolve();
    await gate.promise;
  });
  await inside.promise;
  const held = database.db.tx((tx) => tryPost(tx, systemClock, hold(105)));
  try {
    await expect.poll(waiting, { interval: 10, timeout: 5000 }).toBe(1);
  } finally {
    gate.resolve();
  }
  await credited;
  expect(await held).toEqual({ ok: true, value: true });
  const account = { text: 'SELECT balance, sequence FROM core.account WHERE id = $1', values: [wallet(7, 'CNY').id] };
  expect(await database.db.query(account)).toEqual([{ balance: 5, sequence: 3 }]);
});
