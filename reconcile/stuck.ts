import type { Sql } from '../core/kernel/db/database.ts';
import { stateSpec } from '../core/kernel/machine.ts';
import { LIVE, type LiveMachine, liveRows } from './live.ts';

/** How one live state stands: who is in it, and who has been for too long or waits for a person. */
export interface Standing {
  readonly machine: string;
  readonly state: string;
  readonly name: string;
  readonly inState: number;
  /** Over the limit, or before a person. */
  readonly stuck: number;
  readonly waitingForPerson: number;
  /** How long the oldest row has been in the state, in seconds; 0 without rows. */
  readonly oldestSeconds: number;
  /** The same of the oldest stuck one. */
  readonly oldestStuckSeconds: number;
  /** `null`: a row may stay as long as it likes. */
  readonly limitSeconds: number | null;
}

/** `r` is the row, `l` its state's limit, `$1` the time. */
function isStuck(live: LiveMachine): string {
  return `(${sinceOf(live)} <= $1::timestamptz - l.seconds * interval '1 second' OR r.person_reason IS NOT NULL)`;
}

function sinceOf({ since }: LiveMachine): string {
  return since === undefined ? 'r.state_since' : `(${since})`;
}

// Texts of states and tables come from the machines' tables, never from input.
const STANDINGS = LIVE.map(
  (live) => `SELECT '${live.machine.name}' AS machine, r.state, count(*) AS "inState",
      count(*) FILTER (WHERE ${isStuck(live)}) AS stuck, count(r.person_reason) AS "waitingForPerson",
      extract(epoch FROM $1::timestamptz - min(r.state_since))::float8 AS oldest,
      extract(epoch FROM $1::timestamptz - min(r.state_since) FILTER (WHERE ${isStuck(live)}))::float8 AS "oldestStuck"
    FROM ${liveRows(live)} GROUP BY r.state`,
).join('\nUNION ALL\n');

interface StandingRow {
  readonly machine: string;
  readonly state: string;
  readonly inState: number;
  readonly stuck: number;
  readonly waitingForPerson: number;
  readonly oldest: number;
  readonly oldestStuck: number | null;
}

/** Every live state, those without rows too, along the machines. Reads the live rows only, whatever the history. */
export async function readStandings(sql: Sql, now: Date): Promise<readonly Standing[]> {
  const rows = await sql.query<StandingRow>({ name: 'standings', text: STANDINGS, values: [now] });
  const found = new Map(rows.map((row) => [`${row.machine} ${row.state}`, row]));
  return LIVE.flatMap(({ machine, states, limits }) =>
    states.map((state): Standing => {
      const row = found.get(`${machine.name} ${state}`);
      return {
        machine: machine.name,
        state,
        name: stateSpec(machine, state).name,
        inState: row?.inState ?? 0,
        stuck: row?.stuck ?? 0,
        waitingForPerson: row?.waitingForPerson ?? 0,
        oldestSeconds: Math.max(0, row?.oldest ?? 0),
        oldestStuckSeconds: Math.max(0, row?.oldestStuck ?? 0),
        limitSeconds: limits[state] ?? null,
      };
    }),
  );
}

/**
 * SQL of the rows that are stuck: over their limit, or handed to a person. `$1` is the time. One row each with
 * row_key `machine/id`, amount, currency, detail, row, first_bad_at. `narrow` adds a condition on `r.id`.
 */
export function stuckRows(narrow: (machine: string) => string): string {
  const parts = LIVE.map((live) => {
    const machine = live.machine.name;
    return `SELECT '${machine}/' || r.id AS row_key, coalesce(${live.amount}, 0) AS amount,
        coalesce(${live.currency}, 'XXX') AS currency,
        CASE WHEN r.person_reason IS NULL
          THEN format('%s %s has stood at %s for %s s; %s s are allowed', '${machine}', r.id, r.state,
            floor(extract(epoch FROM $1::timestamptz - ${sinceOf(live)})), l.seconds)
          ELSE format('%s %s waits for a person at %s: %s', '${machine}', r.id, r.state, r.person_reason) END AS detail,
        jsonb_build_object('machine', '${machine}', 'id', r.id, 'state', r.state, 'tries', r.tries,
          'since', r.state_since, 'personReason', r.person_reason) AS row,
        ${sinceOf(live)} + coalesce(l.seconds, 0) * interval '1 second' AS first_bad_at
      FROM ${liveRows(live)} WHERE ${isStuck(live)} ${narrow(machine)}`;
  });
  return parts.join('\nUNION ALL\n');
}
