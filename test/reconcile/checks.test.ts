import { afterEach, expect, test } from 'vitest';
import { turn } from '../../core/bus/consume.ts';
import { type Database, openDatabase } from '../../core/kernel/db/database.ts';
import { loadChecks } from '../../reconcile/check.ts';
import { runCheck } from '../../reconcile/check-run.ts';
import { dirtyConsumer, feed } from '../../reconcile/dirty.ts';
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
});

test('a capture posting of no pay order is found in what is new, and stays found until it is right', async () => {
  world = await openWorld();
  const { ctx } = world;
  const url = world.core.database.ownerUrl;
  owner = await openDatabase({ url, poolSize: 1, applicationName: 'plant', log: silent });
  const checks = (await loadChecks()).filter(({ id }) => id === 'captured-equals-ledger');
  const [check] = checks;
  if (check === undefined) throw new Error('there is no check captured-equals-ledger');
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
