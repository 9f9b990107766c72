import { addMs, type Clock } from '../../core/kernel/clock.ts';
import type { Sql } from '../../core/kernel/db/database.ts';
import { stateSpec } from '../../core/kernel/machine.ts';
import { limitSeconds } from '../../reconcile/stuck.ts';
import type { StateCount, StuckState } from '../api/contract.ts';
import { ENDS, LIVE, type LiveMachine } from './live.ts';
import type { DayTally } from './tally.ts';

interface LiveCount {
  readonly machine: string;
  readonly state: string;
  readonly rows: number;
  readonly persons: number;
  readonly stuck: number;
  readonly oldestSeconds: number;
}

/** How the live states stand, in one statement over the partial indexes of the live states. */
export async function readLive(sql: Sql, clock: Clock): Promise<ReadonlyMap<string, LiveCount>> {
  const now = clock.now();
  const states = LIVE.flatMap(({ machine, states: names }) => names.map((state) => ({ machine, state })));
  const limits = states.map(({ machine, state }) => limitSeconds(machine.name, state));
  const rows = await sql.query<LiveCount>({
    name: 'overview.live',
    text: LIVE_QUERY,
    values: [
      now,
      states.map(({ machine }) => machine.name),
      states.map(({ state }) => state),
      limits.map((seconds) => (seconds === null ? null : addMs(now, -seconds * 1000))),
    ],
  });
  return new Map(rows.map((row) => [`${row.machine} ${row.state}`, row]));
}

function rowsOf({ machine, states, by }: LiveMachine): string {
  const list = states.map((state) => `'${state}'`).join(',');
  const select = `SELECT '${machine.name}' AS machine, state, state_since, person_reason FROM ${machine.table}`;
  const inState = `state IN (${list})`;
  if (by === 'state') return `${select} WHERE ${inState}`;
  return `${select} WHERE ${inState} AND due_at IS NOT NULL
    UNION ALL ${select} WHERE ${inState} AND due_at IS NULL AND person_reason IS NOT NULL`;
}

// Texts of states and tables come from the machines' tables, never from input.
const LIVE_QUERY = `
  SELECT machine, state, count(*) AS rows, count(person_reason) AS persons,
    count(*) FILTER (WHERE person_reason IS NOT NULL OR state_since < l.older_than) AS stuck,
    greatest(0, extract(epoch FROM $1::timestamptz - min(state_since)))::float8 AS "oldestSeconds"
  FROM (${LIVE.map(rowsOf).join('\n UNION ALL ')}) live
  JOIN unnest($2::text[], $3::text[], $4::timestamptz[]) AS l(machine, state, older_than) USING (machine, state)
  GROUP BY machine, state`;

/** Rows by state along the machines: live states as they stand, ends as far as they were reached today. */
export function funnelOf(live: ReadonlyMap<string, LiveCount>, today: DayTally): StateCount[] {
  const standing = LIVE.filter(({ funnel }) => funnel).flatMap(({ machine, states }) =>
    states.map((state): StateCount => {
      const count = live.get(`${machine.name} ${state}`)?.rows ?? 0;
      return { machine: machine.name, state, name: stateSpec(machine, state).name, count, span: 'now' };
    }),
  );
  const reached = ENDS.map(({ machine, state }): StateCount => {
    const count = today.entered.get(`${machine.name} ${state}`) ?? 0;
    return { machine: machine.name, state, name: stateSpec(machine, state).name, count, span: 'today' };
  });
  return [...standing, ...reached].sort(byMachineAndState);
}

const MACHINE_ORDER = LIVE.map(({ machine }) => machine.name);

function byMachineAndState(a: StateCount, b: StateCount): number {
  if (a.machine !== b.machine) return MACHINE_ORDER.indexOf(a.machine) - MACHINE_ORDER.indexOf(b.machine);
  return a.state.localeCompare(b.state, 'en', { numeric: true });
}

/** Every live state that has a limit of time or has a row that waits for a person. */
export function stuckOf(live: ReadonlyMap<string, LiveCount>): StuckState[] {
  return LIVE.flatMap(({ machine, states }) =>
    states.flatMap((state) => {
      const limit = limitSeconds(machine.name, state);
      const found = live.get(`${machine.name} ${state}`);
      if (limit === null && (found?.persons ?? 0) === 0) return [];
      const stuck: StuckState = {
        machine: machine.name,
        state,
        name: stateSpec(machine, state).name,
        stuck: found?.stuck ?? 0,
        inState: found?.rows ?? 0,
        waitingForPerson: found?.persons ?? 0,
        oldestSeconds: Math.round((found?.oldestSeconds ?? 0) * 10) / 10,
        limitSeconds: limit ?? 0,
      };
      return [stuck];
    }),
  );
}
