import { addMs, type Clock } from './clock.ts';
import type { Sql } from './db/database.ts';
import {
  type Cause,
  type Machine,
  type MachineRow,
  type NextOf,
  readRow,
  type StateOf,
  type StateSpec,
  startsOf,
  stateSpec,
} from './machine.ts';
import { currentTraceId } from './tracing.ts';

export interface MoveInput<M extends Machine, From extends StateOf<M>> extends Cause {
  readonly id: string;
  readonly from: From;
  readonly to: NextOf<M, From>;
  /** Further states passed at once after `to`, where nothing is asked in between; the row rests in the last one. */
  readonly onward?: readonly StateOf<M>[];
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
  /** Where it begins when that is not the machine's start. */
  readonly state?: StateOf<M>;
  /** Further states passed at once, as in `MoveInput`. */
  readonly onward?: readonly StateOf<M>[];
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
  /** The row as it stands after the whole move. */
  readonly row: MachineRow;
}

/**
 * The one primitive that moves a row through its machine.
 *
 * A move is one statement: the row changes only if it still stands in `from`, and its event row (the history, and the
 * bus) is written by the same statement, so neither exists without the other. Whoever drives a row (a request, a
 * callback, a repair) moves it through here; the type of `to` follows from the table, so a move that the table does not
 * know does not compile.
 */
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
    const path = pathOf(machine, input.from, [input.to, ...(input.onward ?? [])]);
    const last = path.to.at(-1) ?? input.to;
    const spec = stateSpec(machine, last);
    const extra = Object.entries(input.set ?? {});
    const rows = await sql.query<Row>({
      ...prepared(
        shapeOf('move', machine, spec, path, input.set),
        () => `WITH moved AS (
          UPDATE ${machine.table} SET state = $3, version = version + 1, due_at = $4, state_since = $5,
            lease_until = ${leaseFor(spec)}, tries = 0, person_reason = NULL${extra.map(([column], i) => `, ${column} = $${16 + i}`).join('')}
          WHERE id = $1 AND state = $2 AND ($6::integer IS NULL OR version = $6) RETURNING *
        ), noted AS (${noteFrom('moved', 5, 7, path)}
        ) SELECT * FROM moved`,
      ),
      values: [
        input.id,
        input.from,
        last,
        dueAt(spec, now, input.dueAt),
        now,
        input.version ?? null,
        ...eventValues(machine, path, input),
        ...extra.map(([, value]) => value),
      ],
    });
    const row = rows[0];
    if (row !== undefined) {
      this.#report(sql, machine, path, row);
      return { kind: 'moved', row };
    }
    const present = await readRow<Row>(sql, machine, input.id);
    return present?.state === last ? { kind: 'already', row: present } : { kind: 'elsewhere', row: present };
  }

  /** Inserts a row in its first state (or the one named) together with its event. */
  async create<Row extends MachineRow, M extends Machine>(sql: Sql, machine: M, input: CreateInput<M>): Promise<Row> {
    const now = this.#clock.now();
    const first = input.state ?? machine.start;
    if (!startsOf(machine).includes(first)) throw new Error(`broken invariant: no ${machine.name} begins at ${first}`);
    const path = pathOf(machine, null, [first, ...(input.onward ?? [])]);
    const state = path.to.at(-1) ?? first;
    const spec = stateSpec(machine, state);
    const columns = Object.entries(input.columns);
    const rows = await sql.query<Row>({
      ...prepared(
        shapeOf('create', machine, spec, path, input.columns),
        () => `WITH made AS (
          INSERT INTO ${machine.table} (id, state, due_at, state_since, lease_until${columns.map(([c]) => `, ${c}`).join('')})
          VALUES ($1, $2, $3, $4, ${leaseFor(spec)}${columns.map((_, i) => `, $${14 + i}`).join('')})
          RETURNING *
        ), noted AS (${noteFrom('made', 4, 5, path)}
        ) SELECT * FROM made`,
      ),
      values: [
        input.id,
        state,
        dueAt(spec, now, input.dueAt),
        now,
        ...eventValues(machine, path, input),
        ...columns.map(([, value]) => value),
      ],
    });
    const row = rows[0];
    if (row === undefined) throw new Error(`broken invariant: ${machine.name} ${input.id} was not inserted`);
    this.#report(sql, machine, path, row);
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

  #report(sql: Sql, machine: Machine, path: Path, row: MachineRow): void {
    const tell = (): void => {
      for (const [i, to] of path.to.entries()) {
        this.#onMoved({ machine: machine.name, from: path.from[i] ?? null, to, row });
      }
    };
    if ('afterCommit' in sql && typeof sql.afterCommit === 'function') sql.afterCommit(tell);
    else tell();
  }
}

/** The hops of a move: hop i goes from `from[i]` to `to[i]`. */
interface Path {
  readonly from: readonly (string | null)[];
  readonly to: readonly string[];
}

function pathOf(machine: Machine, from: string | null, to: readonly string[]): Path {
  const starts = [from, ...to.slice(0, -1)];
  for (const [i, start] of starts.entries()) {
    const next = to[i] ?? '';
    stateSpec(machine, next);
    if (start !== null && !stateSpec(machine, start).to.includes(next)) {
      throw new Error(`broken invariant: ${machine.name} does not go from ${start} to ${next}`);
    }
  }
  return { from: starts, to };
}

/**
 * The event rows of a path, in its order; `first` is the number of the first of the event parameters. A single hop, as
 * nearly all are, needs no arrays: the server has a third less to set up for it.
 */
function noteFrom(source: string, now: number, first: number, path: Path): string {
  const p = (i: number): string => `$${first + i}`;
  if (path.to.length === 1) {
    return `
          INSERT INTO core.event (${EVENT_COLUMNS})
          SELECT ${p(8)}::text, ${p(0)}, source.id, ${p(1)}, ${p(6)}::text, ${p(7)}::text, ${p(2)}, ${p(3)}, ${p(4)}::jsonb,
            ${p(5)}, $${now} FROM ${source} source`;
  }
  return `
          INSERT INTO core.event (${EVENT_COLUMNS})
          SELECT hop.type, ${p(0)}, source.id, ${p(1)}, hop.from_state, hop.to_state, ${p(2)}, ${p(3)}, ${p(4)}::jsonb, ${p(5)}, $${now}
          FROM ${source} source, unnest(${p(6)}::text[], ${p(7)}::text[], ${p(8)}::text[]) WITH ORDINALITY AS hop (from_state, to_state, type, n)
          ORDER BY hop.n`;
}

/** All that the text of a statement depends on. Building the text anew for each move cost more than the rest of it. */
function shapeOf(
  verb: 'move' | 'create',
  machine: Machine,
  spec: StateSpec,
  path: Path,
  columns: Readonly<Record<string, unknown>> | undefined,
): string {
  const names = columns === undefined ? '' : Object.keys(columns).join();
  return `${verb} ${machine.table} ${spec.asks === true} ${path.to.length === 1} ${names}`;
}

const statements = new Map<string, { readonly text: string; readonly name: string }>();

/** A statement that the server plans once per connection: its name stands for its text. Texts come from code only. */
function prepared(shape: string, textOf: () => string): { readonly text: string; readonly name: string } {
  let statement = statements.get(shape);
  if (statement === undefined) {
    statement = { text: textOf(), name: `machine_${statements.size}` };
    statements.set(shape, statement);
  }
  return statement;
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

/** Nine parameters, in the order `noteFrom` names them. */
function eventValues(machine: Machine, path: Path, cause: Cause): unknown[] {
  const types = path.to.map((state) => stateSpec(machine, state).event ?? `${machine.name}.${state.toLowerCase()}`);
  return [
    machine.name,
    cause.scope ?? null,
    cause.actor,
    cause.reason,
    evidenceJson(cause),
    currentTraceId() ?? null,
    ...(path.to.length === 1 ? [path.from[0], path.to[0], types[0]] : [path.from, path.to, types]),
  ];
}
