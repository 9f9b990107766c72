import type { Clock } from './clock.ts';
import { addMs } from './clock.ts';
import type { Sql } from './db/database.ts';
import { currentTraceId } from './tracing.ts';

/**
 * State machines as tables, and the one primitive that moves a row through them.
 *
 * A move is one statement: the row changes only if it still stands in `from`, and its event row (the history, and the
 * bus) is written by the same statement, so neither exists without the other. Whoever drives a row (a request, a
 * callback, a repair) moves it through here; the type of `to` follows from the table, so a move that the table does not
 * know does not compile.
 */
export interface StateSpec {
  /** The long name on the wire: `PAYMENT_PROCESSING`. */
  readonly name: string;
  readonly to: readonly string[];
  /**
   * Who cares for a row that stays here. `end`: nobody, it is done. `person`: somebody decides, `stuck-age` reminds.
   * A number: milliseconds after which a repair looks at it.
   */
  readonly care: 'end' | 'person' | number;
  /** The driver asks the outside in this state, so entering it takes the lease that keeps other drivers away. */
  readonly asks?: true;
  /** The event's type when the plain `machine.state` is not the field's word for it. */
  readonly event?: string;
}

export interface Machine {
  readonly name: string;
  /** Schema-qualified table. */
  readonly table: string;
  readonly start: string;
  readonly states: Readonly<Record<string, StateSpec>>;
}

export type StateOf<M extends Machine> = keyof M['states'] & string;
export type NextOf<M extends Machine, From extends StateOf<M>> = M['states'][From]['to'][number] & string;

/** What every row of a machine has; a room's own row type extends it. SQL names, because rows stay in the store. */
export interface MachineRow {
  readonly id: string;
  readonly state: string;
  readonly version: number;
  readonly due_at: Date | null;
  readonly lease_until: Date | null;
  readonly tries: number;
  readonly person_reason: string | null;
  readonly state_since: Date;
}

/** Why and by whom: written into the event row. */
export interface Cause {
  readonly actor: string;
  readonly reason: string;
  /** The other side's answer that decided it. */
  readonly evidence?: unknown;
  /** The pay order whose timeline this belongs to. */
  readonly scope?: string | null;
}

export interface MoveInput<M extends Machine, From extends StateOf<M>> extends Cause {
  readonly id: string;
  readonly from: From;
  readonly to: NextOf<M, From>;
  /** Refuses the move when the row was changed since it was read. */
  readonly version?: number;
  /** Other columns that change with the state, by SQL name. Names come from code, never from input. */
  readonly set?: Readonly<Record<string, unknown>>;
  /** Overrides the table's `care`: when a repair looks, or null for never. */
  readonly dueAt?: Date | null;
}

export type Moved<Row> =
  | { readonly kind: 'moved'; readonly row: Row }
  /** Somebody else brought it there before: a success. */
  | { readonly kind: 'already'; readonly row: Row }
  /** It stands elsewhere (or does not exist): the caller looks again or refuses. */
  | { readonly kind: 'elsewhere'; readonly row: Row | null };

export interface CreateInput<M extends Machine> extends Cause {
  readonly id: string;
  readonly state?: StateOf<M>;
  readonly columns: Readonly<Record<string, unknown>>;
  readonly dueAt?: Date | null;
}

/** How long a driver that asks the outside keeps others away. Longer than any time-out of a call. */
export const LEASE_MS = 10_000;

const EVENT_COLUMNS = 'type, machine, entity_id, scope, from_state, to_state, actor, reason, evidence, trace_id, at';

export interface Transition {
  readonly machine: string;
  readonly from: string | null;
  readonly to: string;
}

export class Mover {
  readonly #clock: Clock;
  readonly #onMoved: (transition: Transition) => void;

  /** `onMoved` hears of each transition once it is committed. */
  constructor(clock: Clock, onMoved: (transition: Transition) => void = () => undefined) {
    this.#clock = clock;
    this.#onMoved = onMoved;
  }

  /** Moves a row from one state to the next together with its event, or says where it stands instead. */
  async move<Row extends MachineRow, M extends Machine, From extends StateOf<M>>(
    sql: Sql,
    machine: M,
    input: MoveInput<M, From>,
  ): Promise<Moved<Row>> {
    const now = this.#clock.now();
    const spec = stateSpec(machine, input.to);
    const extra = Object.entries(input.set ?? {});
    const sets = extra.map(([column], i) => `, ${column} = $${14 + i}`).join('');
    const rows = await sql.query<Row>({
      ...prepared(`WITH moved AS (
          UPDATE ${machine.table} SET state = $3, version = version + 1, due_at = $4, state_since = $5,
            lease_until = ${leaseFor(spec)}, tries = 0, person_reason = NULL${sets}
          WHERE id = $1 AND state = $2 AND ($6::integer IS NULL OR version = $6) RETURNING *
        ), noted AS (
          INSERT INTO core.event (${EVENT_COLUMNS})
          SELECT $7, $8, id, $9, $2, $3, $10, $11, $12::jsonb, $13, $5 FROM moved
        ) SELECT * FROM moved`),
      values: [
        input.id,
        input.from,
        input.to,
        dueAt(spec, now, input.dueAt),
        now,
        input.version ?? null,
        ...eventValues(machine, input.to, input),
        ...extra.map(([, value]) => value),
      ],
    });
    const row = rows[0];
    if (row !== undefined) {
      this.#report(sql, { machine: machine.name, from: input.from, to: input.to });
      return { kind: 'moved', row };
    }
    const present = await readRow<Row>(sql, machine, input.id);
    return present?.state === input.to ? { kind: 'already', row: present } : { kind: 'elsewhere', row: present };
  }

  /** Inserts a row in its first state (or the one named) together with its event. */
  async create<Row extends MachineRow, M extends Machine>(sql: Sql, machine: M, input: CreateInput<M>): Promise<Row> {
    const now = this.#clock.now();
    const state = input.state ?? machine.start;
    const spec = stateSpec(machine, state);
    const columns = Object.entries(input.columns);
    const rows = await sql.query<Row>({
      ...prepared(`WITH made AS (
          INSERT INTO ${machine.table} (id, state, due_at, state_since, lease_until${columns.map(([c]) => `, ${c}`).join('')})
          VALUES ($1, $2, $3, $4, CASE WHEN $5 THEN ${takenLease()} END${columns.map((_, i) => `, $${13 + i}`).join('')})
          RETURNING *
        ), noted AS (
          INSERT INTO core.event (${EVENT_COLUMNS})
          SELECT $6, $7, id, $8, NULL, $2, $9, $10, $11::jsonb, $12, $4 FROM made
        ) SELECT * FROM made`),
      values: [
        input.id,
        state,
        dueAt(spec, now, input.dueAt),
        now,
        spec.asks === true,
        ...eventValues(machine, state, input),
        ...columns.map(([, value]) => value),
      ],
    });
    const row = rows[0];
    if (row === undefined) throw new Error(`broken invariant: ${machine.name} ${input.id} was not inserted`);
    this.#report(sql, { machine: machine.name, from: null, to: state });
    return row;
  }

  /** Writes an event that moves nothing: evidence that somebody asked, gave up, or handed over to a person. */
  async note(sql: Sql, machine: Machine, row: MachineRow, type: string, cause: Cause): Promise<void> {
    await sql.query({
      name: 'event_note',
      text: `INSERT INTO core.event (${EVENT_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $8::jsonb, $9, $10)`,
      values: [
        `${machine.name}.${type}`,
        machine.name,
        row.id,
        cause.scope ?? null,
        row.state,
        cause.actor,
        cause.reason,
        evidenceJson(cause),
        currentTraceId() ?? null,
        this.#clock.now(),
      ],
    });
  }

  #report(sql: Sql, transition: Transition): void {
    if ('afterCommit' in sql && typeof sql.afterCommit === 'function') sql.afterCommit(() => this.#onMoved(transition));
    else this.#onMoved(transition);
  }
}

const names = new Map<string, string>();

/** A statement that the server plans once per connection: its name stands for its text. Texts come from code only. */
function prepared(text: string): { text: string; name: string } {
  let name = names.get(text);
  if (name === undefined) {
    name = `machine_${names.size}`;
    names.set(text, name);
  }
  return { text, name };
}

export function stateSpec(machine: Machine, state: string): StateSpec {
  const spec = machine.states[state];
  if (spec === undefined) throw new Error(`broken invariant: ${machine.name} has no state ${state}`);
  return spec;
}

export async function readRow<Row extends MachineRow>(sql: Sql, machine: Machine, id: string): Promise<Row | null> {
  const rows = await sql.query<Row>({
    name: `read_${machine.name}`,
    text: `SELECT * FROM ${machine.table} WHERE id = $1`,
    values: [id],
  });
  return rows[0] ?? null;
}

function takenLease(): string {
  return `clock_timestamp() + interval '${LEASE_MS} milliseconds'`;
}

function leaseFor(spec: StateSpec): string {
  return spec.asks === true ? takenLease() : 'NULL';
}

function dueAt(spec: StateSpec, now: Date, chosen: Date | null | undefined): Date | null {
  if (chosen !== undefined) return chosen;
  return typeof spec.care === 'number' ? addMs(now, spec.care) : null;
}

function evidenceJson(cause: Cause): string | null {
  return cause.evidence === undefined ? null : JSON.stringify(cause.evidence);
}

function eventValues(machine: Machine, state: string, cause: Cause): unknown[] {
  return [
    stateSpec(machine, state).event ?? `${machine.name}.${state.toLowerCase()}`,
    machine.name,
    cause.scope ?? null,
    cause.actor,
    cause.reason,
    evidenceJson(cause),
    currentTraceId() ?? null,
  ];
}
