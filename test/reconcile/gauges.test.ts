import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readExposure } from '../../control/overview/findings.ts';
import { openDatabase } from '../../core/kernel/db/database.ts';
import { createMetrics } from '../../core/kernel/metrics.ts';
import { type Check, loadChecks } from '../../reconcile/check.ts';
import { runCheck } from '../../reconcile/check-run.ts';
import { AT_RISK } from '../../reconcile/findings/findings.ts';
import { Gauges } from '../../reconcile/gauges.ts';
import { silent } from '../support/database.ts';
import { CuttableLine } from '../support/proxy.ts';
import { openWorld, type World } from './support.ts';

const NEVER = new AbortController().signal;
const checks = await loadChecks();

let world: World;
let all: AsyncDisposableStack;
beforeEach(async () => {
  all = new AsyncDisposableStack();
  world = all.use(await openWorld());
});
afterEach(async () => {
  await all[Symbol.asyncDispose]();
});

function replica(db = world.ctx.db) {
  const metrics = createMetrics('reconcile');
  const gauges = new Gauges({ db, clock: world.clock }, metrics, checks);
  return { gauges, told: (name: string) => series(metrics, name) };
}

/** What a scrape tells of one metric: its label values → its value. */
async function series(metrics: ReturnType<typeof createMetrics>, name: string): Promise<Record<string, number>> {
  const text = await metrics.registry.metrics();
  const lines = text.matchAll(new RegExp(`^tidegate_${name}\\{(.*)\\} (\\S+)$`, 'gm'));
  return Object.fromEntries(
    [...lines].map(([, labels = '', value]) => [labels.replace(/\w+="([^"]*)"/g, '$1'), Number(value)]),
  );
}

const runAll = (): Promise<unknown> =>
  Promise.all(checks.map((check) => runCheck(world.ctx, check, { full: true, signal: NEVER })));
const each = (value: number): Record<string, number> => Object.fromEntries(checks.map(({ id }: Check) => [id, value]));

describe('the gauges of a replica', () => {
  it('tell nothing, and call every check unknown, before the first reading', async () => {
    const { told } = replica();
    expect(await told('stuck_orders')).toEqual({});
    expect(await told('findings')).toEqual({});
    expect(await told('exposure_minor')).toEqual({});
    expect(await told('check_verdict')).toEqual(each(-1));
    world.clock.advance(5_000);
    expect(await told('check_lag_seconds')).toEqual(each(5));
  });

  it('tell zeros of a system in which all is well', async () => {
    await runAll();
    const { gauges, told } = replica();
    await gauges.refresh();
    expect(await told('check_verdict')).toEqual(each(0));
    expect(await told('check_lag_seconds')).toEqual(each(0));
    expect(await told('findings')).toEqual({ 'S0,open': 0, 'S1,open': 0, 'S2,open': 0, 'S3,open': 0 });
    expect(await told('exposure_minor')).toEqual({ XXX: 0 });
    const stuck = await told('stuck_orders');
    expect(stuck).toMatchObject({ P5: 0, P7: 0, F1: 0, O0: 0, R15: 0, LATE: 0 });
    expect(new Set(Object.values(stuck))).toEqual(new Set([0]));
  });

  it('count a row that is late and a row that waits for a person, and the age of the older', async () => {
    const late = await world.order();
    await world.pay(late.payOrderId);
    world.clock.advance(25 * 60_000);
    const young = await world.order();
    const handed = await world.pay(young.payOrderId);
    await world.ctx.db.query({
      text: `UPDATE core.payment SET person_reason = 'a test', due_at = NULL WHERE id = $1`,
      values: [handed],
    });
    const { gauges, told } = replica();
    await runAll();
    await gauges.refresh();
    expect(await told('stuck_orders')).toMatchObject({ P7: 2, P5: 0 });
    expect(await told('stuck_oldest_seconds')).toMatchObject({ P7: 25 * 60, P5: 0 });
    expect(await told('check_verdict')).toEqual({ ...each(0), 'stuck-age': 1 });
    // The late attempt and its unpaid order, and the attempt before a person.
    expect(await told('exposure_minor')).toEqual({ CNY: 3 * 7_900 });
    expect(await told('findings')).toMatchObject({ 'S3,open': 3 });
  });

  it('count money as at risk that the first screen counts too: not what was repaired, and no false alarm', async () => {
    const statuses = [...AT_RISK, 'repaired', 'false_alarm'];
    await world.ctx.db.query({
      text: `INSERT INTO reconcile.finding
          (id, check_id, row_key, tier, status, amount, currency, detail, row, first_bad_at, found_at, last_seen_at)
        SELECT 'f' || n, 'paid-iff-posted', 'r' || n, 'S3', status, 10 ^ n, 'CNY', 'a test', '{}', now(), now(), now()
        FROM unnest($1::text[]) WITH ORDINALITY AS s (status, n)`,
      values: [statuses],
    });
    const { gauges, told } = replica();
    await gauges.refresh();
    expect(await told('exposure_minor')).toEqual({ CNY: 1_110 });
    expect(await readExposure(world.ctx.db)).toEqual({ open: 3, atRisk: [{ amount: 1_110, currency: 'CNY' }] });
    expect(await told('findings')).toMatchObject({ 'S3,open': 1, 'S3,repaired': 1 });
  });

  it('call a check unknown that has not run for long, and tell how far it lags', async () => {
    await runAll();
    const { gauges, told } = replica();
    world.clock.advance(60_000);
    await gauges.refresh();
    expect(await told('check_verdict')).toEqual(each(-1));
    expect(await told('check_lag_seconds')).toEqual(each(60));
  });

  it('stop telling what was read once when the database is gone, while another replica goes on', async () => {
    await runAll();
    const line = all.use(await CuttableLine.to(world.core.database.appUrl));
    const cut = all.use(
      await openDatabase({
        url: line.through(world.core.database.appUrl),
        poolSize: 2,
        applicationName: 'test',
        log: silent,
      }),
    );
    const here = replica(cut);
    const there = replica();
    await here.gauges.refresh();
    line.cut();
    await expect(here.gauges.refresh()).rejects.toThrow();
    expect(await here.told('check_verdict')).toEqual(each(0));

    world.clock.advance(16_000);
    await expect(here.gauges.refresh()).rejects.toThrow();
    await runAll();
    await there.gauges.refresh();
    expect(await here.told('check_verdict')).toEqual(each(-1));
    expect(await here.told('check_lag_seconds')).toEqual(each(16));
    expect(await here.told('stuck_orders')).toEqual({});
    expect(await here.told('findings')).toEqual({});
    expect(await here.told('exposure_minor')).toEqual({});
    expect(await there.told('check_verdict')).toEqual(each(0));
    expect(await there.told('check_lag_seconds')).toEqual(each(0));
  });
});
