import { afterAll, beforeEach, expect, test } from 'vitest';
import { VirtualClock } from '../../core/kernel/clock.ts';
import { type Database, openDatabase } from '../../core/kernel/db/database.ts';
import { systemRandom } from '../../core/kernel/random.ts';
import * as booking from '../../core/ledger/booking.ts';
import { post } from '../../core/ledger/ledger.ts';
import { rehashSlice, sealNew } from '../../core/ledger/sealing.ts';
import { readSealStanding } from '../../core/ledger/seals.read.ts';
import { readSystemIdentifier } from '../../reconcile/check.store.ts';
import { loadChecks } from '../../reconcile/check.ts';
import { runCheck } from '../../reconcile/check-run.ts';
import type { Verdict } from '../../reconcile/verdicts.ts';
import { silent, type TestDatabase, testDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';

const NEVER = new AbortController().signal;

let database: TestDatabase | undefined;
let owner: Database;
let server: string;
const clock = new VirtualClock(new Date('2026-11-11T00:00:00Z'));
const db = (): Database => (database as TestDatabase).db;
const kit = () => ({ db: db(), clock, log: silent, random: systemRandom });

async function close(): Promise<void> {
  await owner?.[Symbol.asyncDispose]();
  await database?.[Symbol.asyncDispose]();
}
beforeEach(async () => {
  await close();
  database = await testDatabase();
  owner = await openDatabase({ url: database.ownerUrl, poolSize: 1, applicationName: 'owner', log: silent });
  server = (await readSystemIdentifier(owner)) ?? '';
});
afterAll(close);

let facts = 0;
async function book(times = 1): Promise<void> {
  await db().tx(async (tx) => {
    for (let i = 0; i < times; i += 1) {
      facts += 1;
      const fact = { reference: `seal_${facts}`, payOrderId: null, reason: 'a test', orderId: null };
      await post(tx, clock, booking.commission({ ...fact, currency: 'CNY', amount: facts }));
    }
  });
}

/** Seals until nothing is left: another test file's transaction may hold the horizon back. */
async function sealAll(): Promise<void> {
  await eventually(async () => {
    await sealNew(kit(), server);
    return (await readSealStanding(db())).unsealedSince === null;
  });
}

async function blocks(): Promise<{ block: number; entries: number }[]> {
  return db().query({ text: 'SELECT block, entries FROM core.seal ORDER BY block' });
}

/** As somebody would who is past every guard. */
async function tamper(text: string): Promise<void> {
  for (const table of ['entry', 'posting', 'seal']) {
    await owner.query({ text: `ALTER TABLE core.${table} DISABLE TRIGGER ${table}_append_only` });
  }
  await owner.query({ text });
}

async function wholeRound(): Promise<number[]> {
  const broken: number[] = [];
  for (let i = 0; i < 100; i += 1) {
    const slice = await rehashSlice(kit());
    broken.push(...slice.broken);
    if (slice.whole) return broken;
  }
  throw new Error('the round came to no end');
}

async function verdict(): Promise<Verdict> {
  const check = (await loadChecks()).find(({ id }) => id === 'hash-chain');
  if (check === undefined) throw new Error('there is no check hash-chain');
  return runCheck(kit(), check, { signal: NEVER });
}

test('the journal is sealed in blocks that follow on each other, and only what is new', async () => {
  await book(2);
  await sealAll();
  await book(1_100);
  await sealAll();
  expect((await blocks()).reduce((sum, { entries }) => sum + entries, 0)).toBe(2_204);
  expect((await blocks()).every(({ entries }) => entries <= 1_000)).toBe(true);
  const before = await blocks();
  expect(await sealNew(kit(), server)).toEqual([]);
  expect(await blocks()).toEqual(before);
  expect(await wholeRound()).toEqual([]);
  expect(await verdict()).toMatchObject({ verdict: 'holds' });
});

test('several that seal at once make one chain', async () => {
  await book(700);
  await eventually(async () => {
    await Promise.all(Array.from({ length: 5 }, () => sealNew(kit(), server)));
    return (await readSealStanding(db())).unsealedSince === null;
  });
  expect((await blocks()).reduce((sum, { entries }) => sum + entries, 0)).toBe(1_400);
  expect(await wholeRound()).toEqual([]);
});

test('what commits late is sealed after what was open before it, and never between', async () => {
  await book();
  await sealAll();
  await db().tx(async (slow) => {
    await slow.query({ text: 'SELECT pg_current_xact_id()' });
    await book(3);
    // Everything behind the slow one waits for it.
    expect(await sealNew(kit(), server)).toEqual([]);
    const fact = { reference: 'slow', payOrderId: null, reason: 'a test', orderId: null };
    await post(slow, clock, booking.commission({ ...fact, currency: 'CNY', amount: 5 }));
  });
  await sealAll();
  expect((await blocks()).reduce((sum, { entries }) => sum + entries, 0)).toBe(10);
  expect(await wholeRound()).toEqual([]);
});

test.each([
  ['an amount', 'UPDATE core.entry SET amount = amount + 1 WHERE id = (SELECT min(id) + 7 FROM core.entry)'],
  [
    'one byte of a reason',
    `UPDATE core.posting SET reason = 'a Test' WHERE id = (SELECT min(posting_id) FROM core.entry)`,
  ],
  [
    'an account',
    `UPDATE core.entry SET account_id = 'commission_revenue:CNY' WHERE id = (SELECT min(id) FROM core.entry)`,
  ],
  ['a missing entry', 'DELETE FROM core.entry WHERE id = (SELECT min(id) + 9 FROM core.entry)'],
  [
    'an entry slipped in',
    `INSERT INTO core.entry (posting_id, account_id, amount, currency, at, xid)
      SELECT posting_id, account_id, 1, currency, at, xid FROM core.entry ORDER BY id LIMIT 1`,
  ],
  ['a seal', `UPDATE core.seal SET hash = encode(sha256('x'), 'hex') WHERE block = 1`],
  ['a missing seal', 'DELETE FROM core.seal WHERE block = 2'],
])('%s that the owner changed is found', async (_, text) => {
  for (let i = 0; i < 8; i += 1) {
    await book(20);
    await sealAll();
  }
  expect(await wholeRound()).toEqual([]);
  await tamper(text);
  expect((await wholeRound()).length).toBeGreaterThan(0);
  expect(await verdict()).toMatchObject({ verdict: 'violated' });
});

test('what was put back is right again, and its finding closes', async () => {
  await book(20);
  await sealAll();
  await tamper(`UPDATE core.entry SET order_id = 'x' WHERE id = (SELECT min(id) FROM core.entry)`);
  await wholeRound();
  expect(await verdict()).toMatchObject({ verdict: 'violated', count: 1 });
  await tamper('UPDATE core.entry SET order_id = NULL WHERE id = (SELECT min(id) FROM core.entry)');
  expect(await verdict()).toMatchObject({ verdict: 'holds' });
});

test('the verdict is unknown where the journal is not sealed, or was not hashed again, for too long', async () => {
  await book();
  expect(await verdict()).toMatchObject({ verdict: 'holds' });
  clock.advance(3_700_000);
  expect(await verdict()).toMatchObject({ verdict: 'unknown', reason: expect.stringContaining('is sealed') });
  await sealAll();
  expect(await verdict()).toMatchObject({ verdict: 'holds' });
  clock.advance(25 * 3_600_000);
  expect(await verdict()).toMatchObject({ verdict: 'unknown', reason: expect.stringContaining('hashed again') });
  await wholeRound();
  expect(await verdict()).toMatchObject({ verdict: 'holds' });
  await expect(sealNew(kit(), 'another')).rejects.toThrow(/sealed on server/);
});

test('with one role for both, nothing is known of who may change the journals', async () => {
  const check = (await loadChecks()).find(({ id }) => id === 'journal-immutable');
  if (check === undefined) throw new Error('there is no check journal-immutable');
  expect(await runCheck(kit(), check, { signal: NEVER })).toMatchObject({ verdict: 'holds' });
  expect(await runCheck({ ...kit(), db: owner }, check, { signal: NEVER })).toMatchObject({
    verdict: 'unknown',
    reason: expect.stringContaining('one role'),
  });
});
