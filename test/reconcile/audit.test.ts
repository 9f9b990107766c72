import { afterEach, beforeEach, expect, test } from 'vitest';
import { turn } from '../../core/bus/consume.ts';
import { DatabaseUnavailable } from '../../core/kernel/db/failures.ts';
import { auditWhenDue, lookWhenAudited } from '../../reconcile/audit.ts';
import { markDirty } from '../../reconcile/check.store.ts';
import { type Check, loadChecks } from '../../reconcile/check.ts';
import { runCheck } from '../../reconcile/check-run.ts';
import { dirtyConsumer, feedLagSeconds } from '../../reconcile/dirty.ts';
import { readVerdicts, type ShownVerdict, type Verdict } from '../../reconcile/verdicts.ts';
import { eventually } from '../support/eventually.ts';
import { openWorld, type World } from './support.ts';

const NEVER = new AbortController().signal;
const MINUTE_MS = 60_000;
const [check] = (await loadChecks()).filter(({ id }) => id === 'stock-conservation');
if (check === undefined) throw new Error('there is no check stock-conservation');

let world: World;
beforeEach(async () => {
  world = await openWorld();
  const consumer = dirtyConsumer(world.clock, [check]);
  await eventually(async () => (await turn(world.ctx, consumer, 'test', NEVER)).kind === 'idle');
  await eventually(async () => (await feedLagSeconds(world.ctx)) === 0);
});
afterEach(() => world[Symbol.asyncDispose]());

const audit = (which: Check = check): Promise<Verdict | null> => auditWhenDue(world.ctx, which, NEVER);
const look = (which: Check = check): Promise<Verdict | null> => lookWhenAudited(world.ctx, which, NEVER);
const shown = async (): Promise<ShownVerdict | undefined> =>
  (await readVerdicts(world.ctx.db, [check], world.clock.now()))[0];

/** One whose look at everything does something else instead, or before. */
const auditing = (meanwhile: () => Promise<unknown>): Check => ({
  ...check,
  violations: async (sql, scope) => {
    if (scope.kind === 'all') await meanwhile();
    return check.violations(sql, scope);
  },
});
const broken = auditing(() => Promise.reject(new Error('too large')));

test('nothing is looked at, and nothing is green, before the first full audit of a life', async () => {
  expect(await look()).toBeNull();
  expect(await audit(broken)).toMatchObject({ verdict: 'unknown', reason: 'it broke: too large' });
  expect(await look()).toBeNull();
  expect(await audit()).toBeNull();
  world.clock.advance(5 * MINUTE_MS);
  expect(await shown()).toMatchObject({ verdict: 'unknown', reason: 'it last ran 300 s ago: it broke: too large' });
  expect(await audit()).toMatchObject({ verdict: 'holds', coverage: { mode: 'full', fullFailures: 0 } });
  expect(await look()).toMatchObject({ verdict: 'holds', coverage: { mode: 'incremental' } });
});

test('an audit whose database went away comes again soon, and less and less often while it goes on', async () => {
  const away = auditing(() => Promise.reject(new DatabaseUnavailable('it is gone', undefined)));
  for (const [failures, waitSeconds] of [
    [1, 10],
    [2, 20],
    [3, 40],
  ] as const) {
    expect(await audit(away)).toMatchObject({ verdict: 'unknown', coverage: { fullFailures: failures } });
    world.clock.advance(waitSeconds * 1_000 - 1);
    expect(await audit(away)).toBeNull();
    world.clock.advance(1);
  }
  expect(await audit()).toMatchObject({ verdict: 'holds', coverage: { fullFailures: 0, fullOutage: false } });
});

test('an audit that fails leaves the verdict to what is new, says so, and comes again ever more rarely', async () => {
  const fullAt = world.clock.now().toISOString();
  await audit();
  world.clock.advance(5 * MINUTE_MS);
  for (const [failures, waitMinutes] of [
    [1, 5],
    [2, 10],
    [3, 20],
  ] as const) {
    await look();
    const said = { fullAt, fullFailures: failures, fullFailure: 'it broke: too large' };
    expect(await audit(broken)).toMatchObject({ verdict: 'holds', reason: null, coverage: said });
    expect(await look()).toMatchObject({ verdict: 'holds', coverage: { ...said, mode: 'incremental' } });
    world.clock.advance(waitMinutes * MINUTE_MS - 1);
    expect(await audit(broken)).toBeNull();
    world.clock.advance(1);
  }
  expect(await audit()).toMatchObject({ verdict: 'holds', coverage: { fullFailures: 0, fullFailure: null } });
  expect(await audit()).toBeNull();
});

test('what is new is looked at while an audit runs, and the younger verdict stands', async () => {
  await audit();
  world.clock.advance(5 * MINUTE_MS);
  const fullAt = world.clock.now().toISOString();
  const { ctx, clock, sku } = world;
  const long = auditing(async () => {
    clock.advance(90_000);
    await markDirty(ctx.db, [check.id], 'sku', [String(sku)], clock.now());
    expect(await look()).toMatchObject({ verdict: 'holds', coverage: { rows: 1 } });
    expect(await shown()).toMatchObject({ verdict: 'holds' });
  });
  const younger = { mode: 'incremental', rows: 1, lagSeconds: 0, fullAt, fullFailures: 0 };
  expect(await audit(long)).toMatchObject({ verdict: 'holds', reason: null, coverage: younger });
  expect(await shown()).toMatchObject({ verdict: 'holds', coverage: younger });
});

test('a run over what is new that began before an audit ended does not forget the audit', async () => {
  await audit();
  world.clock.advance(5 * MINUTE_MS);
  const fullAt = world.clock.now().toISOString();
  await markDirty(world.ctx.db, [check.id], 'sku', [String(world.sku)], world.clock.now());
  const slow: Check = {
    ...check,
    violations: async (sql, scope) => {
      await runCheck(world.ctx, check, { full: true, signal: NEVER });
      return check.violations(sql, scope);
    },
  };
  expect(await look(slow)).toMatchObject({ verdict: 'holds', coverage: { mode: 'incremental', fullAt } });
  expect(await audit()).toBeNull();
});
