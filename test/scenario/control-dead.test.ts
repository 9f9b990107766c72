import { rm, truncate, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { type Propagation, switchFlipped } from '../../control/api/contract.ts';
import { snapshotPath } from '../../core/guard/live.ts';
import { systemClock } from '../../core/kernel/clock.ts';
import { eventually } from '../support/eventually.ts';
import { ADDRESS, http, placedAnswer, type Reply, Shop } from '../support/shop.ts';
import { type Proc, type System, startSystem } from '../support/system.ts';

/**
 * Static stability with real processes: what the cores enforce does not need the control service, and control always
 * knows, or says that it does not, who enforces what. The tests are one story and run in order.
 */
const ENTRY = 'entry.order.create';
const instances = z.array(
  z.object({ name: z.string(), current: z.boolean(), status: z.string(), lastSeenAt: z.iso.datetime() }),
);

let system: System;
let shop: Shop;
let skuId: string;
beforeAll(async () => {
  system = await startSystem({ cores: 2, reconcilers: 0, env: { TIDEGATE_LOG_LEVEL: 'warn' } });
  shop = new Shop(system);
  [skuId = ''] = await shop.stockUp('t-shirt');
  const since = systemClock.now();
  await eventually(async () => expect(await inStep(since)).toEqual(['core-1', 'core-2']));
});
afterAll(() => system?.[Symbol.asyncDispose]());

function control(path: string): Promise<Reply> {
  return http(`${system.one('control').url}${path}`, { token: system.tokens.viewer });
}

/** The instances that enforce what is in force now, as they have said themselves since then. */
async function inStep(since: Date): Promise<string[]> {
  const { body } = await control('/v1/instances');
  const items = instances.parse(body['items']);
  return items
    .filter(({ current, status, lastSeenAt }) => current && status === 'live' && new Date(lastSeenAt) > since)
    .map(({ name }) => name);
}

async function flip(on: boolean): Promise<Propagation> {
  const { headers } = await control(`/v1/switches/${ENTRY}`);
  const flipped = await http(`${system.one('control').url}/v1/switches/${ENTRY}`, {
    method: 'PUT',
    token: system.tokens.operator,
    headers: { 'if-match': headers.get('etag') ?? '' },
    body: { on, reason: `the story goes on ${on ? 'open' : 'closed'}` },
  });
  return switchFlipped.parse(flipped.body).propagation;
}

let keys = 0;
function order(at: number): Promise<Reply> {
  const body = { userId: '7', type: 'physical', items: [{ skuId, quantity: 1 }], address: ADDRESS };
  return shop.order(body, `story-${++keys}`, at);
}

function core(n: 0 | 1): Proc {
  const proc = system.all('core')[n];
  if (proc === undefined) throw new Error('there are two cores');
  return proc;
}

async function orders(): Promise<unknown> {
  return (await system.database.db.query({ text: 'SELECT count(*) AS n FROM core.orders' }))[0]?.['n'];
}

/** It refuses as its switch says: with the rule, with when to come back, and with nothing written. */
async function expectClosed(at: number): Promise<void> {
  const before = await orders();
  const refused = await order(at);
  expect(refused).toMatchObject({
    status: 503,
    body: {
      code: 'switched_off',
      rule: ENTRY,
      detail: expect.stringContaining(ENTRY),
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
    },
  });
  expect(refused.headers.get('content-type')).toBe('application/problem+json');
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  expect(await orders()).toBe(before);
}

let openOrder: { payOrderId: string; orderId: string };

it('a flip is enforced on every core when its answer says so', async () => {
  const placed = await order(0);
  expect(placed.status).toBe(201);
  const { payOrderId, orders: made } = placedAnswer.parse(placed.body);
  openOrder = { payOrderId, orderId: made[0]?.orderId ?? '' };
  expect(await flip(false)).toMatchObject({ applied: 2, total: 2, stragglers: [] });
  await expectClosed(0);
  await expectClosed(1);
});

it('with control killed the cores keep serving, and refuse what the last flip closed', async () => {
  await system.one('control').kill();
  await expectClosed(0);
  await expectClosed(1);
  // What is not closed goes on: an order that was placed before is paid and shipped.
  const paying = await shop.pay(openOrder.payOrderId);
  await shop.sandbox(`/sandbox/pay/${String(paying.body['paymentId'])}`, { method: 'POST', body: { result: 'paid' } });
  await eventually(async () => {
    expect((await shop.core(`/v1/orders/${openOrder.orderId}`, { at: 1 })).body).toMatchObject({
      state: { code: 'O2' },
    });
  });
});

it('a core that is killed and started again, control still dead, refuses it from its first answer', async () => {
  await core(0).kill();
  await core(0).start();
  await expectClosed(0);
});

it.each([
  ['torn', (file: string) => truncate(file, 100)],
  ['empty', (file: string) => truncate(file, 0)],
  ["somebody else's", (file: string) => writeFile(file, 'PK\u0003\u0004')],
  ['gone', (file: string) => rm(file)],
])('with its snapshot %s and control dead it serves by the declared defaults, and says so', async (what, spoil) => {
  await core(1).kill();
  await spoil(snapshotPath({ dataDir: system.dataDir, instance: 'core-2' }));
  core(1).output = '';
  await core(1).start();
  expect((await order(1)).status).toBe(201);
  const metrics = await (await fetch(`${core(1).url}/metrics`)).text();
  expect(metrics).toContain('tidegate_ruleset_revision{instance="core-2"} 0');
  if (what !== 'gone') expect(core(1).output).toContain('the rule snapshot is refused: the declared defaults hold');
});

it('when control is back both are in step again, and the closed entry is closed on both', async () => {
  // What control knows of before is what it was told before: the second core has lost its rules since.
  const since = systemClock.now();
  await system.one('control').start();
  await eventually(async () => expect(await inStep(since)).toEqual(['core-1', 'core-2']), { timeoutMs: 20_000 });
  await expectClosed(0);
  await expectClosed(1);
});

it('a core that hangs is named by the flip, by its revision and among the instances; it catches up when it wakes', async () => {
  core(1).signal('SIGSTOP');
  const { revision, ...spread } = await flip(true);
  // A busy machine may let the other one be late for the flip's own answer; the one that hangs is named in any case.
  expect(spread).toMatchObject({ total: 2 });
  expect(spread.stragglers).toContainEqual(expect.objectContaining({ instance: 'core-2' }));
  await eventually(async () => {
    const { body } = await control('/v1/instances');
    expect(body['items']).toContainEqual(expect.objectContaining({ name: 'core-2', status: 'silent', current: false }));
  });
  await eventually(async () => {
    expect((await control(`/v1/revisions/${revision}`)).body).toMatchObject({
      propagation: {
        applied: 1,
        total: 2,
        stragglers: [{ instance: 'core-2', reason: expect.stringMatching(/^silent for \d+ s$/) }],
      },
    });
  });
  expect((await order(0)).status).toBe(201);
  core(1).signal('SIGCONT');
  await eventually(async () => {
    expect((await control(`/v1/revisions/${revision}`)).body).toMatchObject({
      propagation: { applied: 2, stragglers: [] },
    });
  });
  expect((await order(1)).status).toBe(201);
});
