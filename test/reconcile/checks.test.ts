import { Webhook } from 'standardwebhooks';
import { afterEach, expect, test } from 'vitest';
import { turn } from '../../core/bus/consume.ts';
import { handOverAgain } from '../../core/bus/parked.ts';
import { receive } from '../../core/callbacks/callbacks.ts';
import { Signatures, secretOf } from '../../core/callbacks/signatures.ts';
import { systemClock } from '../../core/kernel/clock.ts';
import { type Database, openDatabase } from '../../core/kernel/db/database.ts';
import { changeStock } from '../../core/stock/adjust.ts';
import { releaseExpired, reserve } from '../../core/stock/stock.ts';
import { auditWhenDue } from '../../reconcile/audit.ts';
import { markDirty } from '../../reconcile/check.store.ts';
import { type Check, loadChecks } from '../../reconcile/check.ts';
import { runCheck } from '../../reconcile/check-run.ts';
import { DIRTY_CONSUMER, dirtyConsumer, feed } from '../../reconcile/dirty.ts';
import { readVerdicts, type Verdict } from '../../reconcile/verdicts.ts';
import { silent } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { intoJournal } from './plant.ts';
import { openWorld, type World } from './support.ts';

const PARKED = 'SELECT event_id AS id FROM core.parked_event WHERE consumer = $1';

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

test('an event that was set aside makes its checks unknown, until a full audit saw it or it is handed over again', async () => {
  world = await openWorld();
  const { ctx } = world;
  owner = await openDatabase({
    url: world.core.database.ownerUrl,
    poolSize: 1,
    applicationName: 'plant',
    log: silent,
  });
  const check = await theCheck('captured-equals-ledger');
  const consumer = dirtyConsumer(ctx.clock, [check]);
  const drain = () => eventually(async () => (await turn(ctx, consumer, 'test', NEVER)).kind === 'idle');
  const run = (full?: boolean) => runCheck(ctx, check, { ...(full === undefined ? {} : { full }), signal: NEVER });
  const { payOrderId } = await world.order();
  await world.paid(payOrderId);
  await feed(ctx, [check], NEVER);
  await drain();
  expect(await run()).toMatchObject({ verdict: 'holds', coverage: { mode: 'full' } });
  expect(await run(false)).toMatchObject({ verdict: 'holds' });

  const spoil = async (by: number): Promise<void> => {
    await owner?.query({
      text: 'UPDATE core.capture SET amount = amount + $2 WHERE pay_order_id = $1',
      values: [payOrderId, by],
    });
    await ctx.db.query({
      text: `INSERT INTO core.event (type, machine, entity_id, scope, to_state, actor, reason, at)
        VALUES ('test', 'test', 'x', $1, 'x', 'test', 'a test', now())`,
      values: [payOrderId],
    });
    const poisoned = { ...consumer, handle: () => Promise.reject(new Error('statement timeout')) };
    await eventually(async () => (await turn(ctx, poisoned, 'test', NEVER)).kind === 'parked', { timeoutMs: 20_000 });
  };
  await spoil(100);
  const unknown = { verdict: 'unknown', reason: '1 events were set aside (parked) unread; it waits for a full audit' };
  expect(await run(false)).toMatchObject(unknown);
  expect(await auditWhenDue(ctx, check, NEVER)).toBeNull();
  world.clock.advance(60_000);
  expect(await auditWhenDue(ctx, check, NEVER)).toMatchObject({ verdict: 'violated', count: 1 });
  expect(await run(false)).toMatchObject({ verdict: 'violated', reason: null });

  await spoil(-100);
  expect(await run(false)).toMatchObject(unknown);
  const parked = await ctx.db.query<{ id: number }>({ text: PARKED, values: [DIRTY_CONSUMER] });
  for (const { id } of parked) expect(await handOverAgain(ctx, consumer, id)).toBe(true);
  expect(await run(false)).toMatchObject({ verdict: 'holds', coverage: { mode: 'incremental', rows: 1 } });
}, 60_000);

test('a contradicting message is found by its event, once, and what was settled is not looked at again', async () => {
  world = await openWorld();
  const { ctx } = world;
  const check = await theCheck('callback-conflict');
  const consumer = dirtyConsumer(ctx.clock, [check]);
  const run = async (): Promise<Verdict> => {
    await eventually(async () => (await turn(ctx, consumer, 'test', NEVER)).kind === 'idle');
    return runCheck(ctx, check, { signal: NEVER });
  };
  const send = async (amount: number): Promise<void> => {
    const text = JSON.stringify({ source: 'sandbox', amount, currency: 'CNY' });
    const at = systemClock.now();
    const headers = {
      'webhook-id': 'evt_1',
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': new Webhook(secretOf('a test', 'sandbox')).sign('evt_1', at, text),
    };
    await receive(ctx, new Signatures('a test', ['sandbox']), {
      kind: 'payment',
      text,
      body: JSON.parse(text),
      headers,
    });
  };
  expect(await run()).toMatchObject({ verdict: 'holds', coverage: { mode: 'full' } });
  await send(8_800);
  await send(8_800);
  expect(await run()).toMatchObject({ verdict: 'violated', count: 1, amounts: [{ amount: 8_800, currency: 'CNY' }] });
  await ctx.db.query({
    text: `UPDATE reconcile.finding SET status = 'repaired', closed_at = $1 WHERE closed_at IS NULL`,
    values: [ctx.clock.now()],
  });
  await send(8_800);
  expect(await run()).toMatchObject({ verdict: 'holds', coverage: { mode: 'incremental', rows: 0 } });
});

test('a movement, and reservations that ran out, are looked at without waiting for the next order', async () => {
  world = await openWorld();
  const { ctx, clock, sku } = world;
  const check = await theCheck('stock-conservation');
  const run = async (): Promise<Verdict> => {
    await eventually(async () => (await turn(ctx, dirtyConsumer(clock, [check]), 'test', NEVER)).kind === 'idle');
    return runCheck(ctx, check, { signal: NEVER });
  };
  const spoil = (by: number) =>
    ctx.db.query({
      text: 'UPDATE core.stock SET sold = sold + $2, on_hand = on_hand - $2 WHERE sku_id = $1',
      values: [sku, by],
    });
  await ctx.db.tx((tx) =>
    reserve(tx, 'nobody', [{ skuId: sku, quantity: 3, warehouseId: 1, deductAt: 'reserve' }], clock.now()),
  );
  expect(await run()).toMatchObject({ verdict: 'holds', coverage: { mode: 'full' } });
  const looked = { mode: 'incremental', rows: 1 };

  await spoil(1);
  const change = { skuId: sku, kind: 'inbound', quantity: 5, reason: 'a pallet' } as const;
  for (const _ of [1, 2]) expect(await changeStock(ctx, 'm', change, 'k1')).toMatchObject({ ok: true });
  expect(await run()).toMatchObject({ verdict: 'violated', count: 1, coverage: looked });
  await spoil(-1);
  expect(await run()).toMatchObject({ verdict: 'holds', coverage: { rows: 0 } });

  await spoil(1);
  expect(await ctx.db.tx((tx) => releaseExpired(tx, clock.now(), 100))).toMatchObject({ pieces: 3 });
  expect(await run()).toMatchObject({ verdict: 'violated', count: 1, coverage: looked });
  const told = await ctx.db.query({
    text: `SELECT type, from_state = to_state AS note, scope FROM core.event WHERE machine = 'stock' ORDER BY id`,
  });
  expect(told).toEqual([
    { type: 'stock.inbound', note: true, scope: null },
    { type: 'stock.released', note: true, scope: null },
  ]);
});
