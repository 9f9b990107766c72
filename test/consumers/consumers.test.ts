import { afterAll, beforeAll, expect, test } from 'vitest';
import { parkEvent, START } from '../../core/bus/bus.store.ts';
import { rewind, turn } from '../../core/bus/consume.ts';
import { handOverAgain } from '../../core/bus/parked.ts';
import { consumerRoutes } from '../../core/consumers/consumers.routes.ts';
import { consumerOf, loadConsumers, RunningConsumers } from '../../core/consumers/consumers.ts';
import { createMetrics } from '../../core/kernel/metrics.ts';
import { type CleanData, cleanData } from '../reconcile/plant.ts';
import { openWorld, type World } from '../reconcile/support.ts';
import type { CoreClient } from '../support/core.ts';
import { eventually } from '../support/eventually.ts';

const NEVER = new AbortController().signal;

let world: World;
let clean: CleanData;
let http: CoreClient;
beforeAll(async () => {
  world = await openWorld();
  clean = await cleanData(world);
  http = await world.core.http([consumerRoutes(world.ctx)]);
});
afterAll(() => world?.[Symbol.asyncDispose]());

async function theConsumer(id: string) {
  const declared = (await loadConsumers()).get(id);
  if (declared === undefined) throw new Error(`there is no consumer ${id}`);
  return consumerOf(world.ctx, declared);
}

async function drain(id: string): Promise<void> {
  const consumer = await theConsumer(id);
  await eventually(async () => (await turn(world.ctx, consumer, 'test', NEVER)).kind === 'idle');
}

async function totals(): Promise<Record<string, number>> {
  const rows = await world.ctx.db.query<{ type: string; count: number }>({
    text: `SELECT type, sum(count)::bigint AS count FROM core.statistic WHERE grain = 'day' GROUP BY type`,
  });
  return Object.fromEntries(rows.map(({ type, count }) => [type, count]));
}

async function eventIds(type: string): Promise<number[]> {
  const rows = await world.ctx.db.query<{ id: number }>({
    text: 'SELECT id FROM core.event WHERE type = $1 ORDER BY xid, id',
    values: [type],
  });
  return rows.map(({ id }) => id);
}

test('a user is told what became of their orders, newest first, in pages, each once', async () => {
  await drain('notifications');
  await rewind(world.ctx, 'notifications', START);
  await drain('notifications');
  const seen: { what: string; payOrderId: string }[] = [];
  let next: unknown = '';
  while (next !== null) {
    const query = next === '' ? 'limit=4' : `limit=4&cursor=${next}`;
    const { status, body } = await http.send('shop', 'GET', `/v1/users/42/notifications?${query}`);
    expect(status).toBe(200);
    seen.push(...(body['items'] as typeof seen));
    next = body['next'];
  }
  const told = (payOrderId: string): string[] =>
    seen.filter((n) => n.payOrderId === payOrderId).map(({ what }) => what);
  expect(told(clean.paid)).toEqual(['order.paid', 'order.created']);
  expect(told(clean.unpaid)).toEqual(['order.created']);
  expect(told(clean.refunded)).toContain('refund.r10');
  expect(told(clean.cancelled)).toContain('order.cancelled');
  expect(new Set(seen.map((n) => JSON.stringify(n))).size).toBe(seen.length);
  expect((await http.send('shop', 'GET', '/v1/users/43/notifications')).body).toEqual({ items: [], next: null });
  expect((await http.send('merchant', 'GET', '/v1/users/42/notifications')).status).toBe(403);
});

test('what happened is added up per minute and day with its money, and counted once', async () => {
  await drain('statistics');
  const first = await totals();
  await rewind(world.ctx, 'statistics', START);
  await drain('statistics');
  expect(await totals()).toEqual(first);
  const [paid] = await world.ctx.db.query<{ count: number; amount: number }>({
    text: `SELECT count(*) AS count, sum(o.payable)::bigint AS amount FROM core.event e JOIN core.orders o ON o.id = e.entity_id
      WHERE e.type = 'order.paid'`,
  });
  const { body } = await http.send('viewer', 'GET', '/v1/statistics?grain=day&type=order.paid');
  expect(body).toEqual({
    items: [
      {
        bucket: '2026-11-11T00:00:00.000Z',
        type: 'order.paid',
        currency: 'CNY',
        count: paid?.count,
        amount: String(paid?.amount),
      },
    ],
    next: null,
  });
  const minutes = await http.send('viewer', 'GET', '/v1/statistics?limit=200');
  const sum = (minutes.body['items'] as { type: string; count: number }[])
    .filter(({ type }) => type === 'order.paid')
    .reduce((total, { count }) => total + count, 0);
  expect(sum).toBe(paid?.count);
  expect((await http.send('shop', 'GET', '/v1/statistics')).status).toBe(403);
});

test('an event that was set aside is counted once, when it is handed over', async () => {
  const consumer = await theConsumer('statistics');
  await drain('statistics');
  const before = await totals();
  const [aside = 0] = await eventIds('order.paid');
  // As it would stand had it been poison: parked, and the mark gone past it.
  await world.ctx.db.query({
    text: `UPDATE core.statistic SET count = count - 1 WHERE type = 'order.paid' AND bucket IN (
      SELECT date_trunc('day', at, 'UTC') FROM core.event WHERE id = $1)`,
    values: [aside],
  });
  await parkEvent(world.ctx.db, 'statistics', aside, 'was poison', world.clock.now());
  expect(await handOverAgain(world.ctx, consumer, aside)).toBe(true);
  expect(await handOverAgain(world.ctx, consumer, aside)).toBe(false);
  expect(await totals()).toEqual(before);
  await rewind(world.ctx, 'statistics', START);
  await drain('statistics');
  expect(await totals()).toEqual(before);
});

test('all of them run together, on two replicas, each event once; one that stops is followed at once', async () => {
  for (const name of (await loadConsumers()).keys()) await rewind(world.ctx, name, START);
  await world.ctx.db.query({ text: 'UPDATE core.consumer SET holder = NULL, lease_until = NULL' });
  await world.ctx.db.query({ text: 'DELETE FROM core.notification' });
  const metrics = createMetrics('core');
  await using one = await RunningConsumers.start(world.ctx, metrics, 'core-1');
  await using two = await RunningConsumers.start(world.ctx, createMetrics('core'), 'core-2');
  const [{ id: last } = { id: 0 }] = await world.ctx.db.query<{ id: number }>({
    text: 'SELECT id FROM core.event ORDER BY xid DESC, id DESC LIMIT 1',
  });
  const caughtUp = async (): Promise<boolean> => {
    one.kick();
    two.kick();
    const rows = await world.ctx.db.query<{ id: number }>({ text: 'SELECT event_id AS id FROM core.consumer' });
    return rows.length > 0 && rows.every(({ id }) => id === last);
  };
  await eventually(caughtUp, { timeoutMs: 20_000 });
  const [told] = await world.ctx.db.query({
    text: `SELECT count(*) > 0 AS some, count(*) = count(DISTINCT event_id) AS once FROM core.notification`,
  });
  expect(told).toEqual({ some: true, once: true });
  await one[Symbol.asyncDispose]();
  await rewind(world.ctx, 'notifications', START);
  await eventually(caughtUp, { timeoutMs: 20_000 });
});
