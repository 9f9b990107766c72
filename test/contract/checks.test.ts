import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { turn } from '../../core/bus/consume.ts';
import { type Database, openDatabase } from '../../core/kernel/db/database.ts';
import { loadRegistry } from '../../core/kernel/registry.ts';
import { markDirty } from '../../reconcile/check.store.ts';
import { type Check, loadChecks } from '../../reconcile/check.ts';
import { runCheck } from '../../reconcile/check-run.ts';
import { dirtyConsumer, feed } from '../../reconcile/dirty.ts';
import type { Verdict } from '../../reconcile/verdicts.ts';
import { cleanData, type Plant } from '../reconcile/plant.ts';
import { openWorld, type World } from '../reconcile/support.ts';
import { silent } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';

const NEVER = new AbortController().signal;
const ROOT = join(import.meta.dirname, '../..');

let world: World | undefined;
let owner: Database | undefined;
afterEach(async () => {
  await owner?.[Symbol.asyncDispose]();
  await world?.[Symbol.asyncDispose]();
  owner = undefined;
  world = undefined;
});

function amountsOf(verdict: Verdict): Record<string, number> {
  return Object.fromEntries(verdict.amounts.map(({ currency, amount }) => [currency, amount]));
}

describe('the registry of checks', async () => {
  const checks = await loadChecks();
  const plants = await loadRegistry<Plant>(new URL('../reconcile/plants/', import.meta.url));

  test('each check has planted violations, and each plant a check', () => {
    expect([...plants.keys()]).toEqual(checks.map((check) => check.id));
  });

  test.each(checks.map((check) => [check.id, check] as const))('%s has a runbook for who is called', async (id) => {
    const text = await readFile(join(ROOT, 'runbooks', `${id}.md`), 'utf8');
    const [, front = '', body = ''] = text.split('---\n');
    expect(front).toContain(`id: ${id}\n`);
    expect(front).toMatch(/^alert: \S+$/m);
    expect(front).toMatch(/^severity: \S+/m);
    for (const heading of ['## What it means', '## Impact', '## How to look', '## What to do']) {
      expect(body).toContain(heading);
    }
  });

  test.each(checks.map((check) => [check.id, check] as const))(
    '%s is green on clean data, and red with the right money on planted data, new rows and full audit alike',
    async (id, check) => {
      world = await openWorld();
      owner = await openDatabase({
        url: world.core.database.ownerUrl,
        poolSize: 2,
        applicationName: 'plant',
        log: silent,
      });
      const clean = await cleanData(world);
      const green = await runCheck(world.ctx, check, { signal: NEVER });
      expect(green).toMatchObject({ verdict: 'holds', count: 0, coverage: { mode: 'full' } });
      // The horizon is the cluster's: a transaction of another test may hold it back for a moment.
      await eventually(async () => {
        expect(await settled(world as World, check)).toMatchObject({ verdict: 'holds', count: 0 });
      });

      const planted = await plants.get(id)?.plant(owner, world, clean);
      if (planted === undefined) throw new Error(`no plant for ${id}`);
      if (check.mode.by === 'dirty') {
        await markDirty(world.ctx.db, [id], check.mode.kind, planted.dirty ?? [], world.clock.now());
      }
      const red = await eventually<Verdict>(async () => {
        const verdict = await settled(world as World, check);
        expect(verdict.count).toBe(planted.count);
        return verdict;
      });
      expect(red).toMatchObject({ verdict: 'violated', count: planted.count });
      if (check.mode.by !== 'scan') expect(red).toMatchObject({ coverage: { mode: 'incremental' } });
      expect(amountsOf(red)).toEqual(planted.amounts);

      const full = await runCheck(world.ctx, check, { full: true, signal: NEVER });
      expect(full).toMatchObject({ verdict: 'violated', count: planted.count });
      expect(amountsOf(full)).toEqual(planted.amounts);
    },
  );
});

/** An incremental run after the dirty sets know what was committed. */
async function settled(here: World, check: Check): Promise<Verdict> {
  await feed(here.ctx, [check], NEVER);
  const consumer = dirtyConsumer(here.clock, [check]);
  while ((await turn(here.ctx, consumer, 'test', NEVER)).kind === 'handled');
  return runCheck(here.ctx, check, { signal: NEVER });
}
