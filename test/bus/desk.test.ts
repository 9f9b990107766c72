import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { busRoutes } from '../../core/bus/bus.routes.ts';
import { parkEvent, START } from '../../core/bus/bus.store.ts';
import { type Consumer, rewind, turn } from '../../core/bus/consume.ts';
import type { BusEvent } from '../../core/bus/event.ts';
import { handOverAsked } from '../../core/bus/parked.ts';
import { addMs } from '../../core/kernel/clock.ts';
import { type CoreClient, type TestCore, testCore } from '../support/core.ts';
import { eventually } from '../support/eventually.ts';

const NEVER = new AbortController().signal;

let core: TestCore;
let http: CoreClient;
let events: number[];
beforeAll(async () => {
  core = await testCore();
  http = await core.http([busRoutes(core.ctx)]);
  events = [];
  for (let minute = 0; minute < 30; minute += 1) events.push(await emit(minute));
});
afterAll(() => core?.[Symbol.asyncDispose]());

/** An event of a minute, in a transaction of its own. */
async function emit(minute: number): Promise<number> {
  const at = addMs(new Date('2026-11-11T00:00:00Z'), minute * 60_000);
  const rows = await core.ctx.db.query<{ id: number }>({
    text: `INSERT INTO core.event (type, machine, entity_id, to_state, actor, reason, at)
      VALUES ('order.created', 'order', $1, 'O0', 'test', 'a test', $2) RETURNING id`,
    values: [`order_${minute}`, at],
  });
  return rows[0]?.id ?? 0;
}

function listener(name: string, fail: () => boolean = () => false) {
  const seen: string[] = [];
  const consumer: Consumer = {
    name,
    batch: 100,
    machines: ['order'],
    handle: async (batch: readonly BusEvent[]) => {
      if (fail()) throw new Error('the index does not answer');
      seen.push(...batch.map(({ entityId }) => entityId));
    },
  };
  const drain = () =>
    eventually(async () => (await turn(core.ctx, consumer, 'here', NEVER)).kind === 'idle', { timeoutMs: 20_000 });
  return { consumer, seen, drain };
}

async function logged(name: string): Promise<readonly Record<string, unknown>[]> {
  return core.ctx.db.query({
    text: `SELECT actor, operation, before, after FROM core.operation_log
      WHERE entity_type = 'consumer' AND entity_id = $1 ORDER BY id`,
    values: [name],
  });
}

const replay = (name: string, from: unknown, role: 'operator' | 'viewer' = 'operator') =>
  http.send(role, 'POST', `/v1/consumers/${name}/replay`, { from, reason: 'the index was restored' });

describe('the list', () => {
  test('shows each consumer with its place, lag and what it has set aside', async () => {
    const { consumer, drain } = listener('listed');
    await drain();
    await parkEvent(core.ctx.db, consumer.name, events[3] ?? 0, 'too strange', core.ctx.clock.now());
    const { status, body } = await http.send('viewer', 'GET', '/v1/consumers');
    expect(status).toBe(200);
    const items = body['items'] as { name: string }[];
    expect(items.find(({ name }) => name === 'listed')).toMatchObject({
      cursor: { eventId: String(events.at(-1)) },
      lagSeconds: 0,
      parked: 1,
      holder: 'here',
      lastError: null,
    });
    await rewind(core.ctx, consumer.name, START);
    const after = await http.send('viewer', 'GET', '/v1/consumers');
    const late = (after.body['items'] as { name: string; lagSeconds: number }[]).find(({ name }) => name === 'listed');
    const sinceFirst = (core.ctx.clock.now().getTime() - Date.parse('2026-11-11T00:00:00Z')) / 1000;
    expect(Math.abs((late?.lagSeconds ?? 0) - Math.max(0, sinceFirst))).toBeLessThan(60);
  });
});

describe('a replay', () => {
  test('from an event shows it and all behind it again, and is written down', async () => {
    const { seen, drain } = listener('from-event');
    await drain();
    seen.length = 0;
    const { status, body } = await replay('from-event', { kind: 'event', eventId: String(events[27]) });
    expect([status, body]).toEqual([
      200,
      { cursor: { xid: expect.any(String), eventId: String((events[27] ?? 0) - 1) } },
    ]);
    await drain();
    expect(seen).toEqual(['order_27', 'order_28', 'order_29']);
    expect(await logged('from-event')).toEqual([
      {
        actor: 'a operator',
        operation: 'replay',
        before: { xid: expect.any(String), eventId: events.at(-1) },
        after: expect.objectContaining({ reason: 'the index was restored' }),
      },
    ]);
  });

  test('from a moment shows all that was written since, and a minute before', async () => {
    const { seen, drain } = listener('from-time');
    await drain();
    for (const minute of [0, 1, 13, 28, 29]) {
      seen.length = 0;
      const at = addMs(new Date('2026-11-11T00:00:00Z'), minute * 60_000).toISOString();
      expect((await replay('from-time', { kind: 'time', at })).status).toBe(200);
      await drain();
      expect(seen[0]).toBe(`order_${Math.max(0, minute - 1)}`);
      expect(seen.at(-1)).toBe('order_29');
    }
  });

  test('from the beginning shows everything', async () => {
    const { seen, drain } = listener('from-start');
    await drain();
    seen.length = 0;
    expect((await replay('from-start', { kind: 'beginning' })).body).toEqual({ cursor: { xid: '0', eventId: '0' } });
    await drain();
    expect(seen).toHaveLength(30);
  });

  test('takes off the parked ones what it now takes', async () => {
    const { consumer, drain } = listener('unparks');
    await drain();
    await parkEvent(core.ctx.db, consumer.name, events[5] ?? 0, 'too strange', core.ctx.clock.now());
    await replay('unparks', { kind: 'event', eventId: String(events[5]) });
    await drain();
    expect((await http.send('viewer', 'GET', '/v1/consumers/unparks/parked')).body['items']).toEqual([]);
  });

  test('is refused ahead, of an unknown event or consumer, to viewers, and without a reason', async () => {
    const { consumer, drain } = listener('refusing');
    await drain();
    await replay('refusing', { kind: 'event', eventId: String(events[2]) });
    const ahead = await replay('refusing', { kind: 'event', eventId: String(events[20]) });
    expect([ahead.status, ahead.body['code']]).toEqual([409, 'wrong_state']);
    const event = await replay(consumer.name, { kind: 'event', eventId: '999999999' });
    expect([event.status, event.body['code']]).toEqual([404, 'event_unknown']);
    const nobody = await replay('nobody', { kind: 'beginning' });
    expect([nobody.status, nobody.body['code']]).toEqual([404, 'consumer_unknown']);
    expect((await replay('refusing', { kind: 'beginning' }, 'viewer')).status).toBe(403);
    const silent = { from: { kind: 'beginning' }, reason: ' ' };
    expect((await http.send('operator', 'POST', '/v1/consumers/refusing/replay', silent)).status).toBe(422);
    expect(await logged('refusing')).toHaveLength(1);
  });
});

describe('a parked event', () => {
  const parkedOf = async (name: string) =>
    (await http.send('viewer', 'GET', `/v1/consumers/${name}/parked`)).body['items'] as Record<string, unknown>[];
  const ask = (name: string, event: number | undefined, what: 'retry' | 'dismiss') =>
    http.send('operator', 'POST', `/v1/consumers/${name}/parked/${event}/${what}`, { reason: 'looked at it' });

  test('is taken again when somebody asks, or stays with its new reason', async () => {
    let broken = true;
    const { consumer, seen, drain } = listener('again', () => broken);
    broken = false;
    await drain();
    seen.length = 0;
    await parkEvent(core.ctx.db, 'again', events[7] ?? 0, 'was down', core.ctx.clock.now());
    expect(await handOverAsked(core.ctx, consumer)).toBe(0);
    broken = true;
    expect((await ask('again', events[7], 'retry')).status).toBe(202);
    expect(await parkedOf('again')).toMatchObject([{ eventId: String(events[7]), askedAt: expect.any(String) }]);
    expect(await handOverAsked(core.ctx, consumer)).toBe(0);
    expect(await parkedOf('again')).toMatchObject([{ reason: 'the index does not answer', askedAt: null }]);
    broken = false;
    expect(await handOverAsked(core.ctx, consumer)).toBe(0);
    await ask('again', events[7], 'retry');
    expect(await handOverAsked(core.ctx, consumer)).toBe(1);
    expect([seen, await parkedOf('again')]).toEqual([['order_7'], []]);
    expect((await logged('again')).map(({ operation }) => operation)).toEqual(['parked.again', 'parked.again']);
  });

  test('is dismissed once, with the reason, and is never handled then', async () => {
    const { consumer, seen, drain } = listener('dismissed');
    await drain();
    seen.length = 0;
    await parkEvent(core.ctx.db, 'dismissed', events[9] ?? 0, 'was down', core.ctx.clock.now());
    const both = await Promise.all([ask('dismissed', events[9], 'dismiss'), ask('dismissed', events[9], 'dismiss')]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 404]);
    const gone = await ask('dismissed', events[9], 'retry');
    expect([gone.status, gone.body['code']]).toEqual([404, 'parked_event_unknown']);
    expect(await handOverAsked(core.ctx, consumer)).toBe(0);
    expect(seen).toEqual([]);
    expect(await logged('dismissed')).toMatchObject([
      {
        operation: 'parked.dismissed',
        before: { type: 'order.created', reason: 'was down' },
        after: { reason: 'looked at it' },
      },
    ]);
  });

  test('comes in pages, oldest first', async () => {
    const { drain } = listener('pages');
    await drain();
    for (const id of events.slice(0, 7)) await parkEvent(core.ctx.db, 'pages', id, 'x', core.ctx.clock.now());
    const seen: unknown[] = [];
    let next: unknown = '';
    while (next !== null) {
      const query = next === '' ? 'limit=3' : `limit=3&cursor=${next}`;
      const { body } = await http.send('viewer', 'GET', `/v1/consumers/pages/parked?${query}`);
      seen.push(...(body['items'] as { eventId: string }[]).map(({ eventId }) => Number(eventId)));
      next = body['next'];
    }
    expect(seen).toEqual(events.slice(0, 7));
    expect((await http.send('viewer', 'GET', '/v1/consumers/nobody/parked')).body['code']).toBe('consumer_unknown');
  });
});
