import { afterAll, beforeAll, expect, test } from 'vitest';
import { cleanDirty, dirtyBacklog, markDirty, readDirty } from '../../reconcile/check.store.ts';
import { type TestDatabase, testDatabase } from '../support/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
});

const NOW = new Date('2026-11-11T00:00:00Z');
const mark = (check: string, keys: readonly string[]) => markDirty(database.db, [check], 'pay_order', keys, NOW);
const keysOf = async (check: string) => (await readDirty(database.db, check, 100)).map((row) => row.key);

test('what was touched again while it was looked at stays dirty', async () => {
  await mark('again', ['a', 'b']);
  const seen = await readDirty(database.db, 'again', 100);
  await mark('again', ['b', 'c']);
  await cleanDirty(database.db, 'again', seen);
  expect(await keysOf('again')).toEqual(['b', 'c']);
  expect(await dirtyBacklog(database.db, 'again')).toEqual({ count: 2, since: NOW });
});

test('a check that strikes off what it saw never waits for a feed that touches it at that moment', async () => {
  await mark('busy', ['a', 'b', 'c']);
  const seen = await readDirty(database.db, 'busy', 100);
  await database.db.tx(async (feed) => {
    await markDirty(feed, ['busy'], 'pay_order', ['b'], NOW);
    // Waiting here would be waiting for the end of the transaction that this line is part of.
    await database.db.tx(async (check) => {
      await check.query({ text: `SET LOCAL lock_timeout = '2s'` });
      await cleanDirty(check, 'busy', seen);
    });
  });
  expect(await keysOf('busy')).toEqual(['b']);
});
