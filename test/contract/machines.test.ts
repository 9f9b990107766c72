import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startsOf } from '../../core/kernel/machine.ts';
import { LIVE } from '../../reconcile/live.ts';
import { type TestDatabase, testDatabase } from '../support/database.ts';
import { machinesOf } from '../support/machines.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database?.[Symbol.asyncDispose]());

/** The texts in single quotes of the CHECK, or the partial index, that names the states of a table. */
async function statesIn(sql: string, table: string): Promise<string[]> {
  const rows = await database.db.query<{ definition: string }>({ text: sql, values: [table] });
  expect(rows, `one definition for ${table}`).toHaveLength(1);
  return [...(rows[0]?.definition ?? '').matchAll(/'([A-Z0-9_]+)'/g)].map(([, state = '']) => state).sort();
}

const CHECK = `SELECT pg_get_constraintdef(oid) AS definition FROM pg_constraint
  WHERE conrelid = $1::regclass AND contype = 'c' AND conname LIKE '%state_known'`;
const LIVE_INDEX = `SELECT pg_get_expr(i.indpred, i.indrelid) AS definition FROM pg_index i
  JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = $1::regclass AND c.relname LIKE '%live_state'`;

describe('the registry of machines', async () => {
  const machines = [...(await machinesOf()).values()];
  const named = machines.map((machine) => [machine.name, machine] as const);

  test.each(named)('%s: every state is reached from where rows begin', (_, machine) => {
    const reached = new Set(startsOf(machine));
    for (const state of reached) for (const next of machine.states[state]?.to ?? []) reached.add(next);
    expect([...reached].sort()).toEqual(Object.keys(machine.states).sort());
  });

  test.each(named)('%s: the database knows the same states', async (_, machine) => {
    expect(await statesIn(CHECK, machine.table)).toEqual(Object.keys(machine.states).sort());
  });

  test.each(named)('%s: a state is an end, or somebody cares, and what leads nowhere is an end', (_, machine) => {
    for (const [state, { to, care }] of Object.entries(machine.states)) {
      if (to.length === 0) expect(care, state).toBe('end');
      if (typeof care === 'number') expect(care, state).toBeGreaterThan(0);
    }
  });

  test.each(LIVE.map((live) => [live.machine.name, live] as const))(
    '%s: the states that are watched are its own and alive, and their index knows them',
    async (_, { machine, states, limits, by }) => {
      for (const state of states) {
        expect(machine.states[state]?.to.length, state).toBeGreaterThan(0);
        // What a repair looks at has an age at which it is called stuck.
        if (typeof machine.states[state]?.care === 'number') expect(limits[state], state).toBeDefined();
      }
      for (const state of Object.keys(limits)) expect(states).toContain(state);
      if (by === 'state') expect(await statesIn(LIVE_INDEX, machine.table)).toEqual([...states].sort());
    },
  );
});
