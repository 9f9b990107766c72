import { afterEach, expect, test } from 'vitest';
import { turn } from '../../core/bus/consume.ts';
import { type Database, openDatabase } from '../../core/kernel/db/database.ts';
import { markDirty } from '../../reconcile/check.store.ts';
import { type Check, loadChecks } from '../../reconcile/check.ts';
import { runCheck } from '../../reconcile/check-run.ts';
import { dirtyConsumer, feed } from '../../reconcile/dirty.ts';
import { readVerdicts, type Verdict } from '../../reconcile/verdicts.ts';
import { silent } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { intoJournal } from './plant.ts';
import { openWorld, type World } from './support.ts';

const NEVER = new AbortController().signal;

let world: World | undefined;
let owner: Database | undefined;
afterEach(async () => {
  await owner?.[Symbol.asyncDispose]();
  await world?.[Symbol.asyncDispose]();
  owner = undefined;
  world = undefined;
});

async function theCheck(id: string): Promise<Check> {
  const check = (await loadChecks()).find((one) => one.id === id);
  if (check === undefined) throw new Error(`there is no check ${id}`);
  return check;
}

test('a capture posting of no pay order is found in what is new, and stays found until it is right', async () => {
  world = await openWorld();
  const { ctx } = world;
  const url = world.core.database.ownerUrl;
  owner = await openDatabase({ url, poolSize: 1, applicationName: 'plant', log: silent });
  const check = await theCheck('captured-equals-ledger');
  const checks = [check];
  const run = async (full: boolean): Promise<unknown> => {
    await feed(ctx, checks, NEVER);
    while ((await turn(ctx, dirtyConsumer(ctx.clock, checks), 'test', NEVER)).kind === 'handled');
    return runCheck(ctx, check, { full, signal: NEVER });
  };
  expect(await run(true)).toMatchObject({ verdict: 'holds' });

  await intoJournal(owner, { reference: 'nobody-s' }, [
    { account: 'clearing:sandbox:CNY', kind: 'clearing', amount: 1234, currency: 'CNY' },
    { account: 'merchant_payable:CNY', kind: 'merchant_payable', amount: -1234, currency: 'CNY' },
  ]);
  const violated = { verdict: 'violated', count: 1, amounts: [{ amount: 1234, currency: 'CNY' }] };
  await eventually(async () => expect(await run(false)).toMatchObject(violated));
  expect(await run(false)).toMatchObject(violated);
  expect(await run(true)).toMatchObject(violated);
  expect(await run(false)).toMatchObject(violated);
});

const broken = (check: Check): Check => ({
  ...check,
  violations: () => Promise.reject(new Error('the disk is gone')),
});

test('a run that breaks or times out says unknown, but never takes back what was found', async () => {
  world = await openWorld();
  const { ctx } = world;
  const check = await theCheck('stock-conservation');
  const slow: Check = {
    ...check,
    budgetMs: 50,
    violations: async (sql) => {
      await sql.query({ text: 'SELECT pg_sleep(20)' });
      return { violations: [], count: 0 };
    },
  };
  const touch = () => markDirty(ctx.db, [check.id], 'sku', [String(world?.sku)], ctx.clock.now());
  const run = async (which: Check): Promise<Verdict> => {
    await touch();
    return runCheck(ctx, which, { signal: NEVER });
  };
  expect(await run(check)).toMatchObject({ verdict: 'holds' });
  expect(await run(broken(check))).toMatchObject({ verdict: 'unknown', reason: 'it broke: the disk is gone' });
  expect(await run(slow)).toMatchObject({ verdict: 'unknown', reason: expect.stringContaining('budget of 50 ms') });

  await ctx.db.query({
    text: 'UPDATE core.stock SET reserved = reserved + 2, on_hand = on_hand - 2 WHERE sku_id = $1',
    values: [world.sku],
  });
  const found = { verdict: 'violated', count: 1, amounts: [{ amount: 2 * 7_900, currency: 'CNY' }] };
  expect(await run(check)).toMatchObject({ ...found, reason: null });
  expect(await run(broken(check))).toMatchObject({ ...found, reason: 'it broke: the disk is gone' });
  expect(await run(slow)).toMatchObject({ ...found, reason: expect.stringContaining('budget of 50 ms') });
  const [shown] = await readVerdicts(ctx.db, [check], ctx.clock.now());
  expect(shown).toMatchObject({ ...found, reason: expect.stringContaining('budget of 50 ms') });
});

test('what looks at everything knows nothing that came after its snapshot, however long it took', async () => {
  world = await openWorld();
  const { ctx, clock } = world;
  for (const id of ['stock-conservation', 'stuck-age']) {
    const check = await theCheck(id);
    const long: Check = {
      ...check,
      violations: async (sql, scope) => {
        const seen = await check.violations(sql, scope);
        await world?.order();
        clock.advance(40_000);
        return seen;
      },
    };
    const verdict = await runCheck(ctx, long, { full: true, signal: NEVER });
    expect(verdict).toMatchObject({ verdict: 'unknown', coverage: { mode: 'full', lagSeconds: 40 } });
    expect(verdict.reason).toBe('it does not know the last 40 s; 30 s are allowed');
  }
});
