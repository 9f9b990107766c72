import { shipmentMachine } from '../core/fulfilment/fulfilment.machine.ts';
import type { Sql } from '../core/kernel/db/database.ts';
import type { Machine } from '../core/kernel/machine.ts';
import { orderMachine } from '../core/orders/orders.machine.ts';
import {
  callbackMachine,
  captureMachine,
  deductionMachine,
  paymentMachine,
} from '../core/payments/payments.machine.ts';
import { refundMachine } from '../core/refunds/refunds.machine.ts';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A state and how long a row may sit in it, in seconds of business time. */
interface Patience {
  readonly machine: Machine;
  readonly limits: Readonly<Record<string, number>>;
  /** SQL for a row's money at stake, and for its currency. */
  readonly amount: string;
  readonly currency: string;
}

/**
 * The patience of every state that something should move. A state in which we asked the outside and have no answer gets
 * a minute; one in which the other side, a shopper or a carrier is at work gets the time that they may take.
 * Rows that were handed to a person have no patience left, whatever their state.
 */
const PATIENCE: readonly Patience[] = [
  {
    machine: paymentMachine,
    // P7 ends at the attempt's own time (15 min); the rest is for closing the trade at the channel.
    limits: { P0: MINUTE, P1: MINUTE, P2: MINUTE, P4: MINUTE, P5: MINUTE, P7: 20 * MINUTE },
    amount: 'r.amount',
    currency: 'r.currency',
  },
  {
    machine: shipmentMachine,
    // A parcel travels for days.
    limits: { F0: MINUTE, F1: MINUTE, F2: 7 * DAY },
    amount: '(SELECT o.payable + o.discount_amount FROM core.orders o WHERE o.id = r.order_id)',
    currency: '(SELECT o.currency FROM core.orders o WHERE o.id = r.order_id)',
  },
  {
    machine: orderMachine,
    // O0 ends at its deadline (15 min); O1 follows its shipment.
    limits: { O0: 20 * MINUTE, O1: 8 * DAY },
    amount: 'r.payable',
    currency: 'r.currency',
  },
  {
    machine: refundMachine,
    // R9: a channel may take a working day to pay back. R15 was handed to a person: at once.
    limits: { R4: HOUR, R5: 7 * DAY, R8: MINUTE, R9: DAY, R11: MINUTE, R12: MINUTE, R13: MINUTE, R14: MINUTE, R15: 0 },
    amount: 'r.amount + r.subsidy',
    currency: 'r.currency',
  },
  {
    machine: captureMachine,
    limits: { LATE: MINUTE },
    amount: 'r.amount',
    currency: 'r.currency',
  },
  {
    machine: deductionMachine,
    limits: { ROLLBACK_PENDING: 2 * MINUTE },
    amount: 'r.amount',
    currency: 'r.currency',
  },
  {
    machine: callbackMachine,
    limits: { STORED: MINUTE },
    amount: '0::bigint',
    currency: `'XXX'`,
  },
];

/** States whose rows are in the partial index `…_live_state`; the others have few live rows, found by `due_at`. */
const BY_DUE_AT: ReadonlySet<string> = new Set([captureMachine.name, deductionMachine.name, callbackMachine.name]);

/** The patience of a state in seconds; null where nothing is demanded. */
export function limitSeconds(machine: string, state: string): number | null {
  return PATIENCE.find((p) => p.machine.name === machine)?.limits[state] ?? null;
}

/** How one state stands: who is in it, and who has been for too long or waits for a person. */
export interface StuckState {
  readonly machine: string;
  readonly state: string;
  readonly name: string;
  readonly inState: number;
  /** Over the limit, or before a person. */
  readonly stuck: number;
  readonly waitingForPerson: number;
  /** How long the oldest of the stuck ones has been in the state, in seconds; 0 without any. */
  readonly oldestSeconds: number;
  readonly limitSeconds: number;
}

/** `r` is the row, `l` its state's limit, `$1` the time. */
const IS_STUCK = `r.state_since <= $1::timestamptz - l.seconds * interval '1 second' OR r.person_reason IS NOT NULL`;

/** Counts the rows of every state with a limit. Reads the live rows only, whatever the history. */
export async function readStuck(sql: Sql, now: Date): Promise<readonly StuckState[]> {
  const standings: StuckState[] = [];
  for (const { machine, limits } of PATIENCE) {
    const rows = await sql.query<{
      state: string;
      in_state: number;
      stuck: number;
      person: number;
      oldest: number;
    }>({
      name: `stuck_${machine.name}`,
      text: `SELECT l.state, count(r.id) AS in_state, count(*) FILTER (WHERE ${IS_STUCK}) AS stuck,
          count(*) FILTER (WHERE r.person_reason IS NOT NULL) AS person,
          coalesce(extract(epoch FROM $1::timestamptz - min(r.state_since) FILTER (WHERE ${IS_STUCK})), 0)::float8 AS oldest
        FROM unnest($2::text[], $3::bigint[]) AS l (state, seconds)
        LEFT JOIN ${machine.table} r ON r.state = l.state ${liveRows(machine, limits)}
        GROUP BY l.state ORDER BY l.state`,
      values: [now, Object.keys(limits), Object.values(limits)],
    });
    for (const row of rows) {
      standings.push({
        machine: machine.name,
        state: row.state,
        name: machine.states[row.state]?.name ?? row.state,
        inState: row.in_state,
        stuck: row.stuck,
        waitingForPerson: row.person,
        oldestSeconds: Math.max(0, row.oldest),
        limitSeconds: limits[row.state] ?? 0,
      });
    }
  }
  return standings;
}

/** The predicate of the partial index, spelled so that the planner recognises it. */
function liveRows(machine: Machine, limits: Patience['limits']): string {
  const states = Object.keys(limits).map((state) => `'${state}'`);
  if (BY_DUE_AT.has(machine.name)) return 'AND (r.due_at IS NOT NULL OR r.person_reason IS NOT NULL)';
  return `AND r.state IN (${states.join(',')})`;
}

/**
 * SQL of the rows that are stuck: over their limit, or handed to a person. `$1` is the time. One row each with
 * row_key `machine/id`, amount, currency, detail, row, first_bad_at. `narrow` adds a condition on `r.id`.
 */
export function stuckRows(narrow: (machine: string) => string): string {
  const parts = PATIENCE.map(({ machine, limits, amount, currency }) => {
    const pairs = Object.entries(limits).map(([state, seconds]) => `('${state}', ${seconds})`);
    return `SELECT '${machine.name}/' || r.id AS row_key, coalesce(${amount}, 0) AS amount,
        coalesce(${currency}, 'XXX') AS currency,
        CASE WHEN r.person_reason IS NULL
          THEN format('%s %s has stood at %s for %s s; %s s are allowed', '${machine.name}', r.id, r.state,
            floor(extract(epoch FROM $1::timestamptz - r.state_since)), l.seconds)
          ELSE format('%s %s waits for a person at %s: %s', '${machine.name}', r.id, r.state, r.person_reason) END AS detail,
        jsonb_build_object('machine', '${machine.name}', 'id', r.id, 'state', r.state, 'tries', r.tries,
          'since', r.state_since, 'personReason', r.person_reason) AS row,
        r.state_since + l.seconds * interval '1 second' AS first_bad_at
      FROM ${machine.table} r JOIN (VALUES ${pairs.join(', ')}) AS l (state, seconds) ON l.state = r.state
      WHERE (${IS_STUCK}) ${liveRows(machine, limits)} ${narrow(machine.name)}`;
  });
  return parts.join('\nUNION ALL\n');
}
