import { expect, test } from 'vitest';
import { addMs } from '../../core/kernel/clock.ts';
import { DEFAULT_LIMITS, loadRepairs, type Repair, totalsOf } from '../../reconcile/repair.ts';
import { pruneRuns, readRepairs, recordRun } from '../../reconcile/repair-runs.ts';
import { testCore } from '../support/core.ts';
import { GO, openWorld, type World } from './support.ts';

const ROWS = 200;

async function p7(): Promise<Repair> {
  const repair = (await loadRepairs()).find((r) => r.id === 'p7');
  if (repair === undefined) throw new Error('no p7');
  return repair;
}

/** Attempts at P7 whose shoppers have paid and whose callbacks are lost. */
async function stuckAtP7(world: World, count: number): Promise<string[]> {
  const payments: string[] = [];
  for (let i = 0; i < count; i += 1) {
    const { payOrderId } = await world.order();
    const payment = await world.pay(payOrderId);
    world.outside.channel.pay(payment);
    payments.push(payment);
  }
  await world.later(60);
  return payments;
}

test('two replicas share 200 rows: each is driven by one at a time, once, and both do their part', async () => {
  await using world = await openWorld();
  await using other = await testCore({ database: world.core.database, clock: world.clock, ...world.outside.options });
  await stuckAtP7(world, ROWS);
  // An answer takes a few turns of the loop, as over a network, so that the two really run side by side.
  world.outside.channel.beforeAnswer = async () => {
    for (let i = 0; i < 5; i += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  const repair = await p7();
  const reports = await Promise.all([
    repair.run(world.ctx, DEFAULT_LIMITS, GO),
    repair.run(other.ctx, DEFAULT_LIMITS, GO),
  ]);
  const shares = reports.map((report) => totalsOf(report).advanced);
  expect(shares[0] ?? 0).toBeGreaterThanOrEqual(ROWS / 5);
  expect(shares[1] ?? 0).toBeGreaterThanOrEqual(ROWS / 5);
  expect((shares[0] ?? 0) + (shares[1] ?? 0)).toBe(ROWS);
  await world.ctx.background.idle();
  await other.ctx.background.idle();
  expect(world.outside.channel.mostAtOnce).toBe(1);
  expect(world.outside.fulfilment.mostEffects).toBe(1);
  const moved = await world.one<{ n: number; rows: number }>(
    `SELECT count(*) AS n, count(DISTINCT entity_id) AS rows FROM core.event WHERE type = 'payment.p8'`,
  );
  expect(moved).toEqual({ n: ROWS, rows: ROWS });
});

test('rows that a killed replica had in hand are left alone until its lease ends, then taken over', async () => {
  await using world = await openWorld();
  const [payment = ''] = await stuckAtP7(world, 1);
  await world.ctx.db.query({
    text: `UPDATE core.payment SET lease_until = clock_timestamp() + interval '10 seconds' WHERE id = $1`,
    values: [payment],
  });
  expect((await world.repair('p7')).advanced).toBe(0);
  expect(world.outside.channel.calls.get(`query ${payment}`)).toBeUndefined();
  await world.later(0);
  expect((await world.repair('p7')).advanced).toBe(1);
});

test('a run ends with its budget, and at a stop it claims no more', async () => {
  await using world = await openWorld();
  await stuckAtP7(world, 12);
  const repair = await p7();
  const spent = await repair.run(world.ctx, { batch: 2, lanes: 1, budgetMs: 0 }, GO);
  expect(spent.scanned).toBe(0);
  const stop = new AbortController();
  world.outside.channel.beforeAnswer = () => {
    stop.abort();
    return Promise.resolve();
  };
  const stopped = await repair.run(world.ctx, { batch: 2, lanes: 1, budgetMs: 10_000 }, { ...GO, stop: stop.signal });
  expect(stopped.scanned).toBe(2);
  expect(totalsOf(stopped).advanced).toBe(2);
});

test('the cost of an idle run is one query', async () => {
  await using world = await openWorld();
  let queries = 0;
  const db = new Proxy(world.ctx.db, {
    get: (target, key) => {
      if (key === 'query') queries += 1;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  await (await p7()).run({ ...world.ctx, db }, DEFAULT_LIMITS, GO);
  expect(queries).toBe(1);
});

test('runs are kept for a while, with the sums of each replica', async () => {
  await using world = await openWorld();
  const repairs = await loadRepairs();
  const report = {
    scanned: 3,
    outcomes: new Map([['P7', { advanced: 2, waiting: 1, person: 0, failed: 0 }]]),
    oldestAgeMs: 4_200,
    durationMs: 12.4,
  };
  const now = world.clock.now();
  for (let i = 0; i < 520; i += 1) await recordRun(world.ctx.db, 'p7', i % 2 === 0 ? 'a' : 'b', report, addMs(now, i));
  await pruneRuns(world.ctx.db, 'p7');
  const standing = (await readRepairs(world.ctx.db, repairs)).find((s) => s.id === 'p7');
  expect(standing?.last).toMatchObject({ replica: 'b', advanced: 2, waiting: 1, oldestSeconds: 4, durationMs: 12 });
  expect(standing?.byReplica).toEqual([
    { replica: 'a', scanned: 750, advanced: 500 },
    { replica: 'b', scanned: 750, advanced: 500 },
  ]);
  expect((await readRepairs(world.ctx.db, repairs)).find((s) => s.id === 'p2')?.last).toBeNull();
});
