import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addMs, VirtualClock } from '../../core/kernel/clock.ts';
import type { Tx } from '../../core/kernel/db/database.ts';
import { claim, claimDue, type Driver, drive, SLOW_MS } from '../../core/kernel/driver.ts';
import type { MachineRow } from '../../core/kernel/machine.ts';
import { Mover, type Transition } from '../../core/kernel/mover.ts';
import { seededRandom } from '../../core/kernel/random.ts';
import { callbackMachine } from '../../core/payments/payments.machine.ts';
import { type TestDatabase, testDatabase } from '../support/database.ts';

let base: TestDatabase;
const clock = new VirtualClock(new Date('2026-11-11T00:00:00Z'));
const seen: Transition[] = [];
const mover = new Mover(clock, (t) => seen.push(t));
let next = 0;

beforeAll(async () => {
  base = await testDatabase();
});
afterAll(async () => {
  await base[Symbol.asyncDispose]();
});

async function stored(): Promise<MachineRow> {
  next += 1;
  return mover.create(base.db, callbackMachine, {
    id: `cb_${next}`,
    columns: {
      source: 'sandbox',
      event_id: `e${next}`,
      kind: 'payment',
      digest: 'd',
      body: '{}',
      received_at: clock.now(),
    },
    actor: 'test',
    reason: 'arrived',
    scope: 'po1',
  });
}

async function history(id: string): Promise<{ from_state: string | null; to_state: string; reason: string }[]> {
  return base.db.query({
    text: 'SELECT from_state, to_state, reason FROM core.event WHERE entity_id = $1 ORDER BY id',
    values: [id],
  });
}

const toApplied = { to: 'APPLIED', actor: 'test', reason: 'applied' } as const;

describe('a move', () => {
  it('changes the row and writes its event together', async () => {
    const row = await stored();
    const moved = await mover.move(base.db, callbackMachine, { id: row.id, from: 'STORED', ...toApplied });
    expect(moved.kind).toBe('moved');
    expect(moved.row).toMatchObject({ state: 'APPLIED', version: 1, due_at: null, lease_until: null });
    expect(await history(row.id)).toEqual([
      { from_state: null, to_state: 'STORED', reason: 'arrived' },
      { from_state: 'STORED', to_state: 'APPLIED', reason: 'applied' },
    ]);
  });

  it('happens once when two try at once', async () => {
    const row = await stored();
    const both = await Promise.all(
      [1, 2].map(() => mover.move(base.db, callbackMachine, { id: row.id, from: 'STORED', ...toApplied })),
    );
    expect(both.map((m) => m.kind).sort()).toEqual(['already', 'moved']);
    expect(await history(row.id)).toHaveLength(2);
  });

  it('says where the row stands instead', async () => {
    const row = await stored();
    await mover.move(base.db, callbackMachine, {
      id: row.id,
      from: 'STORED',
      to: 'REJECTED',
      actor: 't',
      reason: 'no',
    });
    const late = await mover.move(base.db, callbackMachine, { id: row.id, from: 'STORED', ...toApplied });
    expect(late).toMatchObject({ kind: 'elsewhere', row: { state: 'REJECTED' } });
    expect(await mover.move(base.db, callbackMachine, { id: 'none', from: 'STORED', ...toApplied })).toEqual({
      kind: 'elsewhere',
      row: null,
    });
  });

  it('refuses a stale version', async () => {
    const row = await stored();
    const moved = await mover.move(base.db, callbackMachine, { id: row.id, from: 'STORED', version: 7, ...toApplied });
    expect(moved).toMatchObject({ kind: 'elsewhere', row: { state: 'STORED' } });
  });

  it('leaves neither row nor event behind when its transaction rolls back, and tells nobody', async () => {
    const row = await stored();
    const before = seen.length;
    const failed = base.db.tx(async (tx: Tx) => {
      await mover.move(tx, callbackMachine, { id: row.id, from: 'STORED', ...toApplied });
      throw new Error('crash');
    });
    await expect(failed).rejects.toThrow('crash');
    expect(await history(row.id)).toHaveLength(1);
    expect(seen.length).toBe(before);
  });

  it('refuses a path that the table does not know', async () => {
    const create = mover.create(base.db, callbackMachine, {
      id: 'cb_path',
      onward: ['APPLIED', 'REJECTED'],
      columns: {},
      actor: 'test',
      reason: 'nonsense',
    });
    await expect(create).rejects.toThrow('does not go from APPLIED to REJECTED');
  });
});

describe('a driver', () => {
  const kit = () => ({ db: base.db, clock, random: seededRandom(1), mover });

  function driverOf(
    step: Driver<MachineRow, ReturnType<typeof kit>>['step'],
  ): Driver<MachineRow, ReturnType<typeof kit>> {
    return { machine: callbackMachine, scope: () => null, step };
  }

  it('is claimed by one of two', async () => {
    const row = await stored();
    const both = await Promise.all([1, 2].map(() => claim(base.db, callbackMachine, row.id)));
    expect(both.filter((r) => r !== null)).toHaveLength(1);
  });

  const NEVER = new AbortController().signal;
  const silent = driverOf(async () => ({ kind: 'unknown', reason: 'silence' }));
  const read = async (id: string): Promise<MachineRow | undefined> => {
    const rows = await base.db.query<MachineRow>({ text: 'SELECT * FROM core.callback WHERE id = $1', values: [id] });
    return rows[0];
  };
  const notes = async (id: string): Promise<number> => (await history(id)).length;

  async function driven(driver: ReturnType<typeof driverOf>, id: string): Promise<string> {
    const held = await claim<MachineRow>(base.db, callbackMachine, id);
    if (held === null) throw new Error('the lease was not given back');
    return (await drive(driver, kit(), held, NEVER)).outcome;
  }

  async function silenced(): Promise<{ id: string; tries: number }> {
    const { id } = await stored();
    let tries = 0;
    for (let outcome = ''; outcome !== 'person' && tries < 100; tries += 1) outcome = await driven(silent, id);
    return { id, tries };
  }

  it('counts unknown answers, waits longer each time, and then calls a person, once, and asks on slowly', async () => {
    const { id, tries } = await silenced();
    expect(tries).toBe(40);
    const last = await read(id);
    expect(last).toMatchObject({ state: 'STORED', person_reason: 'no answer after 40 tries: silence' });
    const slowly = clock.now().getTime() + SLOW_MS / 2;
    expect(last?.due_at?.getTime()).toBeGreaterThan(slowly);
    const before = await notes(id);
    expect(await driven(silent, id)).toBe('person');
    expect((await read(id))?.due_at?.getTime()).toBeGreaterThan(slowly);
    expect(await notes(id)).toBe(before);
  });

  it('needs no person any more when an answer comes, even one that moves nothing', async () => {
    const { id } = await silenced();
    expect(
      await driven(
        driverOf(async () => ({ kind: 'wait', ms: 1_000 })),
        id,
      ),
    ).toBe('waiting');
    expect(await read(id)).toMatchObject({ person_reason: null, tries: 1, due_at: addMs(clock.now(), 1_000) });
    expect(await driven(silent, id)).toBe('waiting');
  });

  it('leaves what was answered with a contradiction to the person', async () => {
    const { id } = await stored();
    expect(
      await driven(
        driverOf(async () => ({ kind: 'person', reason: 'it says no and yes' })),
        id,
      ),
    ).toBe('person');
    const left = { due_at: null, lease_until: null, person_reason: 'it says no and yes' };
    expect(await read(id)).toMatchObject(left);
    expect(await driven(silent, id)).toBe('person');
    expect(await read(id)).toMatchObject(left);
  });

  it('finds what is due, oldest first, and leaves alone what is leased', async () => {
    await base.db.query({ text: "UPDATE core.callback SET due_at = NULL WHERE state = 'STORED'" });
    const rows = [await stored(), await stored(), await stored()];
    clock.advance(60_000);
    await claim(base.db, callbackMachine, rows[0]?.id ?? '');
    const due = await claimDue(base.db, callbackMachine, ['STORED'], { now: clock.now(), limit: 10 });
    expect(due.map((r) => r.id).sort()).toEqual([rows[1]?.id, rows[2]?.id].sort());
    expect(await claimDue(base.db, callbackMachine, ['STORED'], { now: clock.now(), limit: 10 })).toEqual([]);
  });

  it('shares due rows between replicas without giving one to two', async () => {
    await base.db.query({ text: "UPDATE core.callback SET due_at = NULL WHERE state = 'STORED'" });
    for (let i = 0; i < 40; i += 1) await stored();
    clock.advance(60_000);
    const batches = await Promise.all(
      Array.from({ length: 8 }, () => claimDue(base.db, callbackMachine, ['STORED'], { now: clock.now(), limit: 10 })),
    );
    const ids = batches.flat().map((r) => r.id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});
