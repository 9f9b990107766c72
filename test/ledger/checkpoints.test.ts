import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../core/kernel/clock.ts';
import type { Sql } from '../../core/kernel/db/database.ts';
import { clearing, merchantPayable } from '../../core/ledger/accounts.ts';
import { writeCheckpoints } from '../../core/ledger/checkpoints.ts';
import { accountOf } from '../../core/ledger/ledger.read.ts';
import { post } from '../../core/ledger/ledger.ts';
import { credit, debit } from '../../core/ledger/posting.ts';
import { asAdmin } from '../support/admin.ts';
import { type TestDatabase, testDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database?.[Symbol.asyncDispose]());

let account = clearing('none', 'CNY');
let accounts = 0;
beforeEach(() => {
  accounts += 1;
  account = clearing(`c${accounts}`, 'CNY');
});

let facts = 0;
async function book(amount: number, sql: Sql | null = null): Promise<void> {
  facts += 1;
  const sides = [debit(account, amount), credit(merchantPayable('CNY'), amount)];
  const wanted = { kind: 'capture', reference: `cap_${facts}`, payOrderId: null, reason: 'a test', sides } as const;
  if (sql === null) await database.db.tx((tx) => post(tx, systemClock, wanted));
  else await post(sql, systemClock, wanted);
}

const write = (): Promise<string[]> => writeCheckpoints({ db: database.db, clock: systemClock });
const balance = async (): Promise<string | undefined> => (await accountOf(database.db, account.id))?.balance;

async function checkpoints(): Promise<number[]> {
  const rows = await database.db.query<{ balance: number }>({
    text: 'SELECT balance FROM core.checkpoint WHERE account_id = $1 ORDER BY xid, entry_id',
    values: [account.id],
  });
  return rows.map((row) => row.balance);
}

/** Writes until the account's newest checkpoint says so: another test file's transaction may hold the horizon back. */
async function written(total: number): Promise<void> {
  await eventually(async () => {
    await write();
    expect((await checkpoints()).at(-1)).toBe(total);
  });
}

test('a checkpoint is the sum up to it, each account gets one when it moved, and the balance goes on from it', async () => {
  await book(100);
  await book(-30);
  await written(70);
  expect(await balance()).toBe('70');
  await book(5);
  expect(await balance()).toBe('75');
  await written(75);
  expect(await write()).not.toContain(account.id);
  expect(await checkpoints()).toEqual([70, 75]);
  expect(await balance()).toBe('75');
});

test('a transaction that began earlier and commits later is never passed over', async () => {
  await book(1);
  await written(1);
  await database.db.tx(async (slow) => {
    await book(10, slow);
    await book(200);
    await write();
    // What committed meanwhile counts at once, and no checkpoint has been set behind what is still to come.
    expect(await balance()).toBe('201');
    expect(await checkpoints()).toEqual([1]);
  });
  expect(await balance()).toBe('211');
  await written(211);
  expect(await balance()).toBe('211');
});

test('several writers at once write the same and agree', async () => {
  await book(40);
  await Promise.all(Array.from({ length: 6 }, write));
  await written(40);
  expect(await checkpoints()).toEqual([40]);
});

test('balances are right at every moment while others book and write', async () => {
  let booked = 0;
  const bookers = Promise.all(
    Array.from({ length: 4 }, async () => {
      for (let i = 0; i < 25; i += 1) {
        await book(1);
        booked += 1;
      }
    }),
  );
  let over = false;
  void bookers.finally(() => {
    over = true;
  });
  let last = 0;
  while (!over) {
    const atLeast = booked;
    await write();
    const now = Number((await balance()) ?? 0);
    expect(now).toBeGreaterThanOrEqual(Math.max(atLeast, last));
    expect(now).toBeLessThanOrEqual(100);
    last = now;
  }
  await bookers;
  expect(await balance()).toBe('100');
});

test('only the newest hundred are kept', async () => {
  for (let i = 1; i <= 103; i += 1) {
    await book(1);
    await written(i);
  }
  const kept = await checkpoints();
  expect(kept).toHaveLength(100);
  expect([kept[0], kept.at(-1)]).toEqual([4, 103]);
  expect(await balance()).toBe('103');
}, 60_000);

test('one from another life of the data, whose transactions are still to come here, is forgotten', async () => {
  await book(8);
  await asAdmin(
    database.ownerUrl,
    `INSERT INTO core.checkpoint (account_id, xid, entry_id, balance, at) VALUES ('${account.id}', '999999999999', 1, 12345, now())`,
  );
  await written(8);
  expect(await checkpoints()).toEqual([8]);
  expect(await balance()).toBe('8');
});
