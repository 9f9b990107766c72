import type { Sql } from './db/database.ts';

/** A state of a machine: one row of its table. Rows of the database move through `Mover` only. */
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

/** A state machine as a table. */
export interface Machine {
  readonly name: string;
  /** Schema-qualified table. */
  readonly table: string;
  readonly start: string;
  /** Other states that a row may be made in. */
  readonly alsoStarts?: readonly string[];
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

/** The states that a row may be made in. */
export function startsOf(machine: Machine): readonly string[] {
  return [machine.start, ...(machine.alsoStarts ?? [])];
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
