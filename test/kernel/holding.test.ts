import { afterAll, beforeAll, expect, test } from 'vitest';
import { Holding, releaseHolding, releaseHoldingsOf, takeHolding } from '../../core/kernel/holding.ts';
import { silent, type TestDatabase, testDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
});

test('one of two has it; it passes on when given back, and when its lease is over', async () => {
  const { db } = database;
  expect(await takeHolding(db, 'work', 'a')).toBe(true);
  expect(await takeHolding(db, 'work', 'b')).toBe(false);
  expect(await takeHolding(db, 'work', 'a')).toBe(true);
  await releaseHolding(db, 'work', 'b');
  expect(await takeHolding(db, 'work', 'b')).toBe(false);
  await releaseHolding(db, 'work', 'a');
  expect(await takeHolding(db, 'work', 'b')).toBe(true);
  await db.query({ text: `UPDATE core.holding SET lease_until = clock_timestamp() - interval '1 second'` });
  expect(await takeHolding(db, 'work', 'a')).toBe(true);
});

test('a lease lasts less than the 30 s in which a dead holder must be followed', async () => {
  const { db } = database;
  await takeHolding(db, 'bounded', 'a');
  const rows = await db.query<{ seconds: number }>({
    text: `SELECT extract(epoch FROM lease_until - clock_timestamp())::float8 AS seconds FROM core.holding WHERE name = 'bounded'`,
  });
  expect(rows[0]?.seconds).toBeGreaterThan(10);
  expect(rows[0]?.seconds).toBeLessThan(25);
});

test('holders that run: exactly one works, and its end hands over at once', async () => {
  const options = { sql: database.db, name: 'running', log: silent };
  const one = new Holding({ ...options, holder: 'one' });
  await eventually(() => one.held);
  const two = new Holding({ ...options, holder: 'two' });
  expect(two.held).toBe(false);
  await one[Symbol.asyncDispose]();
  expect(one.held).toBe(false);
  await eventually(() => two.held);
  await two[Symbol.asyncDispose]();
});

test('a process that starts gets what the one of its name had when it died, and nothing of others', async () => {
  const { db } = database;
  await takeHolding(db, 'checks', 'reconcile-1/dead');
  await takeHolding(db, 'sealing', 'reconcile-10/alive');
  await releaseHoldingsOf(db, 'reconcile-1/');
  expect(await takeHolding(db, 'checks', 'reconcile-1/new')).toBe(true);
  expect(await takeHolding(db, 'sealing', 'reconcile-1/new')).toBe(false);
});
