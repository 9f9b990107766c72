import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { oldestWaiting, START } from '../../core/bus/bus.store.ts';
import { consume, lagSeconds } from '../../core/bus/bus.ts';
import { type Consumer, rewind, STRIKES, turn } from '../../core/bus/consume.ts';
import type { BusEvent } from '../../core/bus/event.ts';
import { handOverAgain } from '../../core/bus/parked.ts';
import { systemClock, VirtualClock } from '../../core/kernel/clock.ts';
import { openDatabase, type Sql } from '../../core/kernel/db/database.ts';
import { createMetrics } from '../../core/kernel/metrics.ts';
import { silent, type TestDatabase, testDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { CuttableLine } from '../support/proxy.ts';

let database: TestDatabase;
const NEVER = new AbortController().signal;
let seen = 0;

beforeAll(async () => {
  database = await testDatabase();
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
});

const PARKED = 'SELECT event_id AS id FROM core.parked_event WHERE consumer = $1';
const kit = () => ({ db: database.db, clock: systemClock });

async function emit(sql: Sql, entityId: string): Promise<number> {
  const rows = await sql.query<{ id: number }>({
    text: `INSERT INTO core.event (type, machine, entity_id, to_state, actor, reason, at)
      VALUES ('order.created', 'order', $1, 'O0', 'test', 'a test', now()) RETURNING id`,
    values: [entityId],
  });
  return rows[0]?.id ?? 0;
}

/** A consumer that writes what it took into `parked_event` of a name of its own: an effect inside the transaction. */
function recorder(name: string, options: { batch?: number; fail?: (event: BusEvent) => boolean } = {}) {
  const effects = `${name}.effects`;
  const batches: string[][] = [];
  const consumer: Consumer = {
    name,
    batch: options.batch ?? 10,
    async handle(events, tx) {
      for (const event of events) {
        if (options.fail?.(event) === true) throw new Error(`cannot take ${event.entityId}`);
        await tx.query({
          text: `INSERT INTO core.parked_event (consumer, event_id, reason, parked_at) VALUES ($1, $2, $3, now())`,
          values: [effects, event.id, event.entityId],
        });
      }
      batches.push(events.map((e) => e.entityId));
    },
  };
  const taken = async (): Promise<string[]> => {
    const rows = await database.db.query<{ reason: string }>({
      text: 'SELECT reason FROM core.parked_event WHERE consumer = $1 ORDER BY event_id',
      values: [effects],
    });
    return rows.map((row) => row.reason);
  };
  return { consumer, batches, taken };
}

/** Turns until nothing is left; held-back turns are waited out. */
async function drain(consumer: Consumer, holder = 'a'): Promise<void> {
  await eventually(async () => (await turn(kit(), consumer, holder, NEVER)).kind === 'idle', { timeoutMs: 20_000 });
}

/** A consumer that has seen everything so far. */
async function fresh(options: Parameters<typeof recorder>[1] = {}) {
  seen += 1;
  const made = recorder(`c${seen}`, options);
  const rows = await database.db.query<{ xid: string; id: number }>({
    text: 'SELECT xid::text AS xid, id FROM core.event e ORDER BY e.xid DESC, e.id DESC LIMIT 1',
  });
  await rewind(kit(), made.consumer.name, rows[0] === undefined ? START : { xid: rows[0].xid, eventId: rows[0].id });
  return made;
}

describe('a consumer', () => {
  test('takes events in order, once, and again after a rewind', async () => {
    const { consumer, batches } = await fresh({ batch: 2 });
    for (const name of ['a1', 'a2', 'a3']) await emit(database.db, name);
    const again: string[] = [];
    await drain(consumer);
    expect(batches).toEqual([['a1', 'a2'], ['a3']]);
    expect((await turn(kit(), consumer, 'a', NEVER)).kind).toBe('idle');
    await rewind(kit(), consumer.name, START);
    const replay: Consumer = {
      ...consumer,
      batch: 1000,
      handle: async (e) => void again.push(...e.map((x) => x.entityId)),
    };
    await drain(replay);
    expect(again.slice(-3)).toEqual(['a1', 'a2', 'a3']);
  });

  test('follows transaction ids as numbers: 99 comes before 100, whatever the letters say', async () => {
    const { consumer, batches } = await fresh({ batch: 2 });
    for (const xid of ['100', '99', '101', '98', '9', '10']) {
      await database.db.query({
        text: `INSERT INTO core.event (type, machine, entity_id, to_state, actor, reason, at, xid)
          VALUES ('order.created', 'order', 'x' || $1, 'O0', 'test', 'a test', now(), $1::xid8)`,
        values: [xid],
      });
    }
    await rewind(kit(), consumer.name, START);
    await drain(consumer);
    expect(batches.slice(0, 3)).toEqual([
      ['x9', 'x10'],
      ['x98', 'x99'],
      ['x100', 'x101'],
    ]);
    expect(batches.flat().filter((name) => name.startsWith('x'))).toHaveLength(6);
  });

  test('waits for a transaction that began earlier and commits later, and never passes it', async () => {
    const { consumer, taken } = await fresh();
    const client = await database.db.pool.connect();
    try {
      await client.query('BEGIN');
      await client.query(
        `INSERT INTO core.event (type, machine, entity_id, to_state, actor, reason, at)
          VALUES ('order.created', 'order', 'late', 'O0', 'test', 'a test', now())`,
      );
      await emit(database.db, 'early');
      expect((await turn(kit(), consumer, 'a', NEVER)).kind).toBe('idle');
      expect(await lagSeconds(kit(), consumer.name)).toBeGreaterThan(0);
      await client.query('COMMIT');
    } finally {
      client.release();
    }
    await eventually(async () => {
      await turn(kit(), consumer, 'a', NEVER);
      return (await taken()).length === 2;
    });
    expect(await taken()).toEqual(['late', 'early']);
    expect(await lagSeconds(kit(), consumer.name)).toBe(0);
  });

  test('has one holder, whose lease is followed when it dies', async () => {
    const { consumer, taken } = await fresh({ batch: 1 });
    await emit(database.db, 'h1');
    await emit(database.db, 'h2');
    await eventually(async () => (await turn(kit(), consumer, 'a', NEVER)).kind === 'handled');
    expect((await turn(kit(), consumer, 'b', NEVER)).kind).toBe('elsewhere');
    await database.db.query({
      text: `UPDATE core.consumer SET lease_until = clock_timestamp() - interval '1 second' WHERE name = $1`,
      values: [consumer.name],
    });
    await drain(consumer, 'b');
    expect((await turn(kit(), consumer, 'a', NEVER)).kind).toBe('elsewhere');
    expect(await taken()).toEqual(['h1', 'h2']);
  });

  test('loses nothing and repeats no effect when it is killed inside a batch', async () => {
    const { consumer, taken } = await fresh({ batch: 3 });
    for (const name of ['k1', 'k2', 'k3']) await emit(database.db, name);
    const killed: Consumer = {
      ...consumer,
      async handle(events, tx) {
        await consumer.handle(events, tx);
        // The backend is gone between the effect and the commit.
        await tx.query({ text: 'SELECT pg_terminate_backend(pg_backend_pid())' });
      },
    };
    await eventually(async () => {
      await expect(turn(kit(), killed, 'a', NEVER)).rejects.toThrow();
      return true;
    });
    expect(await taken()).toEqual([]);
    await drain(consumer);
    expect(await taken()).toEqual(['k1', 'k2', 'k3']);
  });

  test('parks a poison event with its reason and goes on behind it', async () => {
    const { consumer, taken } = await fresh({ batch: 8, fail: (e) => e.entityId === 'p3' });
    for (const name of ['p1', 'p2', 'p3', 'p4', 'p5']) await emit(database.db, name);
    let struck = 0;
    await eventually(
      async () => {
        const done = await turn(kit(), consumer, 'a', NEVER);
        if (done.kind === 'held back' || done.kind === 'parked') struck += 1;
        return (await taken()).length === 4;
      },
      { timeoutMs: 20_000 },
    );
    expect(struck).toBe(STRIKES);
    expect(await taken()).toEqual(['p1', 'p2', 'p4', 'p5']);
    const parked = await database.db.query<{ reason: string }>({
      text: 'SELECT reason FROM core.parked_event WHERE consumer = $1',
      values: [consumer.name],
    });
    expect(parked).toEqual([{ reason: 'cannot take p3' }]);

    const told = `tidegate_bus_parked_events{consumer="${consumer.name}"}`;
    const metrics = createMetrics('test');
    const mended = { ...recorder(consumer.name).consumer, batch: 8 };
    {
      await using _running = consume({ ...kit(), log: silent, metrics, holder: 'a' }, mended);
      await eventually(async () => expect(await metrics.registry.metrics()).toContain(`${told} 1`));
    }
    const id = (await database.db.query<{ id: number }>({ text: PARKED, values: [consumer.name] }))[0]?.id ?? 0;
    await expect(handOverAgain(kit(), consumer, id)).rejects.toThrow('cannot take p3');
    expect(await handOverAgain(kit(), { ...mended, name: 'somebody-else' }, id)).toBe(false);
    const twice = await Promise.all([handOverAgain(kit(), mended, id), handOverAgain(kit(), mended, id)]);
    expect(twice.toSorted()).toEqual([false, true]);
    expect(await taken()).toEqual(['p1', 'p2', 'p3', 'p4', 'p5']);
    expect(await database.db.query({ text: PARKED, values: [consumer.name] })).toEqual([]);
  });

  test('tells a lag that grows when it cannot look any more', async () => {
    const { consumer } = await fresh();
    const line = await CuttableLine.to(database.appUrl);
    await using _line = line;
    const url = line.through(database.appUrl);
    await using db = await openDatabase({ url, poolSize: 2, applicationName: 'test', log: silent });
    const metrics = createMetrics('test');
    const clock = new VirtualClock(systemClock.now());
    await using _running = consume({ db, clock, log: silent, metrics, holder: 'one', pollMs: 20_000 }, consumer);
    const told = async (): Promise<number> => {
      const text = await metrics.registry.metrics();
      const value = text.match(
        new RegExp(`^tidegate_bus_lag_seconds\\{consumer="${consumer.name}"\\} (\\S+)$`, 'm'),
      )?.[1];
      expect(value).toBeDefined();
      return Number(value);
    };
    await eventually(async () => expect(await told()).toBe(0));
    line.cut();
    clock.advance(60_000);
    expect(await told()).toBe(60);
  });

  test('lags since the beginning of time when its cursor is of another life of the server', async () => {
    const { consumer } = await fresh();
    expect(await lagSeconds(kit(), consumer.name)).toBe(0);
    await rewind(kit(), consumer.name, { xid: '9000000000000000000', eventId: 0 });
    expect(await lagSeconds(kit(), consumer.name)).toBeGreaterThan(1_000_000_000);
  });

  test('finds how far it is behind by the index, whatever the history', async () => {
    const { consumer } = await fresh();
    const plan = await database.db.tx(async (tx) => {
      // The table is small here: what matters is whether the index can answer at all.
      await tx.query({ text: `SELECT set_config('enable_seqscan', 'off', true)` });
      let lines: { 'QUERY PLAN': string }[] = [];
      const explained: Sql = {
        query: async ({ text, values = [] }) => {
          lines = await tx.query({ text: `EXPLAIN ${text}`, values });
          return [];
        },
      };
      await oldestWaiting(explained, consumer.name);
      return lines.map((line) => line['QUERY PLAN']).join('\n');
    });
    expect(plan).toMatch(/Index Cond: \(?ROW\(xid, id\) > ROW/);
    expect(plan).not.toContain('Join Filter');
  });

  test('runs by itself on two replicas, woken by a kick, and reports its lag', async () => {
    const { consumer, taken } = await fresh({ batch: 4 });
    const metrics = createMetrics('test');
    const options = { ...kit(), log: silent, metrics, pollMs: 20_000 };
    const names = Array.from({ length: 20 }, (_, i) => `r${String(i).padStart(2, '0')}`);
    {
      await using one = consume({ ...options, holder: 'one' }, consumer);
      await using two = consume({ ...options, holder: 'two' }, consumer);
      for (const name of names) await emit(database.db, name);
      await eventually(async () => {
        one.kick();
        two.kick();
        return (await taken()).length === names.length;
      });
      expect(await taken()).toEqual(names);
    }
    expect(await metrics.registry.metrics()).toContain(`tidegate_bus_lag_seconds{consumer="${consumer.name}"}`);
    const rows = await database.db.query<{ holder: string | null }>({
      text: 'SELECT holder FROM core.consumer WHERE name = $1',
      values: [consumer.name],
    });
    expect(rows).toEqual([{ holder: null }]);
  });
});
