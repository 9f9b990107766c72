import type { Clock } from './clock.ts';
import { addMs } from './clock.ts';
import type { Sql } from './db/database.ts';
import { type Machine, type MachineRow, readRow } from './machine.ts';
import { LEASE_MS, type Mover } from './mover.ts';
import type { Random } from './random.ts';

/**
 * A driver looks at a row's state, asks the outside if the state says so, and moves. The request that made the row, a
 * callback, a consumer and a repair all call the same one. The row's `due_at` makes sure that somebody does when the
 * process that should have died; its lease keeps two from asking at once (asking twice would only be waste: every call
 * carries an idempotency key).
 */
export type Step<Row extends MachineRow> =
  /** The row moved: look at it again. */
  | { readonly kind: 'moved'; readonly row?: Row }
  /** Nothing to do until then: the other side is at work, or a person is. */
  | { readonly kind: 'wait'; readonly ms: number }
  /** The other side gave no usable answer. Unknown is not no: ask again later, at last call a person, and ask on slowly. */
  | { readonly kind: 'unknown'; readonly reason: string; readonly evidence?: unknown }
  /** Only a person can go on from here. */
  | { readonly kind: 'person'; readonly reason: string; readonly evidence?: unknown }
  /** An end, or a state that something else moves. */
  | { readonly kind: 'rest' };

export interface Driver<Row extends MachineRow, Context> {
  readonly machine: Machine;
  /** Whose timeline the row's notes belong to. */
  scope(row: Row): string | null;
  step(context: Context, row: Row, signal: AbortSignal): Promise<Step<Row>>;
}

export interface DriveReport<Row> {
  readonly outcome: 'advanced' | 'waiting' | 'person' | 'busy';
  readonly from: string;
  readonly row: Row;
}

export interface DriveKit {
  readonly db: Sql;
  readonly clock: Clock;
  readonly random: Random;
  readonly mover: Mover;
}

/** More moves than any path through a machine has: a step that says `moved` without moving is a bug, not a loop. */
const MAX_STEPS = 16;

const BACKOFF_BASE_MS = 500;
const BACKOFF_CAP_MS = 15_000;
/** About eight minutes of unknown answers, then a person. */
export const MAX_TRIES = 40;
/**
 * A row that a person was called to because nobody answered is asked for on, slowly: an outage ends by itself more often than
 * by somebody who would then have to remember its rows.
 */
export const SLOW_MS = 5 * 60_000;

/** Exponential with full jitter in its upper half, so that rows that failed together do not return together. */
export function backoffMs(tries: number, random: Random): number {
  const ceiling = Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** Math.min(tries, 10));
  return Math.round(ceiling / 2 + (ceiling / 2) * random.next());
}

/** Takes the row's lease if it is free. `null`: somebody else drives it, or it does not exist. */
export async function claim<Row extends MachineRow>(sql: Sql, machine: Machine, id: string): Promise<Row | null> {
  const rows = await sql.query<Row>({
    name: `claim_${machine.name}`,
    text: `UPDATE ${machine.table} SET lease_until = clock_timestamp() + interval '${LEASE_MS} milliseconds'
      WHERE id = $1 AND (lease_until IS NULL OR lease_until < clock_timestamp()) RETURNING *`,
    values: [id],
  });
  return rows[0] ?? null;
}

/**
 * Takes the leases of up to `limit` rows in `states` that are due, oldest first. The cost is what is due: the partial
 * index on `due_at` holds live rows only, and rows that another replica is taking are skipped, not waited for.
 */
export async function claimDue<Row extends MachineRow>(
  sql: Sql,
  machine: Machine,
  states: readonly string[],
  options: { readonly now: Date; readonly limit: number; readonly where?: string },
): Promise<Row[]> {
  return sql.query<Row>({
    text: `UPDATE ${machine.table} SET lease_until = clock_timestamp() + interval '${LEASE_MS} milliseconds'
      WHERE id IN (
        SELECT id FROM ${machine.table}
        WHERE due_at <= $1 AND state = ANY($2) AND (lease_until IS NULL OR lease_until < clock_timestamp())
          ${options.where === undefined ? '' : `AND (${options.where})`}
        ORDER BY due_at, id LIMIT $3 FOR UPDATE SKIP LOCKED)
      RETURNING *`,
    values: [options.now, states, options.limit],
  });
}

/**
 * Drives one row, whose lease the caller holds, until it rests, waits, or needs a person. Ends early and quietly when
 * `signal` fires: the row's `due_at` brings it back.
 */
export async function drive<Row extends MachineRow, Context extends DriveKit>(
  driver: Driver<Row, Context>,
  context: Context,
  held: Row,
  signal: AbortSignal,
): Promise<DriveReport<Row>> {
  const from = held.state;
  let row = held;
  for (let steps = 0; steps < MAX_STEPS; steps += 1) {
    if (signal.aborted) return { outcome: 'waiting', from, row };
    const step = await driver.step(context, row, signal);
    switch (step.kind) {
      case 'moved': {
        const next = step.row ?? (await readRow<Row>(context.db, driver.machine, row.id));
        if (next === null) throw new Error(`broken invariant: ${driver.machine.name} ${row.id} vanished`);
        row = next;
        break;
      }
      case 'rest':
        // Whoever moved it here has set the lease and the due time that its state asks for.
        if (row.lease_until !== null) await release(context, driver.machine, row, row.due_at);
        return { outcome: row.state === from ? 'waiting' : 'advanced', from, row };
      case 'wait':
        if (isAskedSlowly(row)) await answered(context, driver.machine, row);
        await release(context, driver.machine, row, addMs(context.clock.now(), step.ms));
        return { outcome: row.state === from ? 'waiting' : 'advanced', from, row };
      case 'unknown':
        return { outcome: await countUnknown(driver, context, row, step), from, row };
      case 'person':
        return { outcome: await handOver(driver, context, row, step.reason, step.evidence), from, row };
    }
  }
  throw new Error(`broken invariant: ${driver.machine.name} ${row.id} took ${MAX_STEPS} steps without resting`);
}

/** Claims the row and drives it; `null` when somebody else does. */
export async function claimAndDrive<Row extends MachineRow, Context extends DriveKit>(
  driver: Driver<Row, Context>,
  context: Context,
  id: string,
  signal: AbortSignal,
): Promise<DriveReport<Row> | null> {
  const row = await claim<Row>(context.db, driver.machine, id);
  return row === null ? null : drive(driver, context, row, signal);
}

/**
 * Gives the lease back, unless the row has moved on meanwhile: then it is no longer ours to touch. One that stands where it
 * stood in another version was made due by somebody (a cancel): that wish is not put off by ours.
 */
async function release<Row extends MachineRow>(
  kit: DriveKit,
  machine: Machine,
  row: Row,
  dueAt: Date | null,
): Promise<void> {
  await kit.db.query({
    name: `release_${machine.name}`,
    text: `UPDATE ${machine.table} SET lease_until = NULL, due_at = ${DUE_UNLESS_WISHED}
      WHERE id = $1 AND state = $4`,
    values: [row.id, row.version, dueAt, row.state],
  });
}

/** Parameters: 2 the version that was driven, 3 when to look again. */
const DUE_UNLESS_WISHED = 'CASE WHEN version = $2 THEN $3::timestamptz ELSE due_at END';

/** A person was called because nobody answered; a row that was handed over for what was answered has no due time. */
function isAskedSlowly(row: MachineRow): boolean {
  return row.person_reason !== null && row.due_at !== null;
}

/** An answer came, though it moves nothing: nobody need look any more, and the next silence is counted from its beginning. */
async function answered(kit: DriveKit, machine: Machine, row: MachineRow): Promise<void> {
  await kit.db.query({
    name: `answered_${machine.name}`,
    text: `UPDATE ${machine.table} SET person_reason = NULL, tries = 1 WHERE id = $1 AND state = $2`,
    values: [row.id, row.state],
  });
}

async function countUnknown<Row extends MachineRow, Context extends DriveKit>(
  driver: Driver<Row, Context>,
  context: Context,
  row: Row,
  step: { readonly reason: string; readonly evidence?: unknown },
): Promise<'waiting' | 'person'> {
  if (row.person_reason !== null && row.due_at === null) {
    await release(context, driver.machine, row, null);
    return 'person';
  }
  const exhausted = row.person_reason !== null || row.tries + 1 >= MAX_TRIES;
  const waitMs = exhausted
    ? Math.round(SLOW_MS * (0.8 + 0.2 * context.random.next()))
    : backoffMs(row.tries, context.random);
  const reason = exhausted ? `no answer after ${MAX_TRIES} tries: ${step.reason}` : step.reason;
  const counted = await context.db.query({
    name: `unknown_${driver.machine.name}`,
    text: `UPDATE ${driver.machine.table} SET lease_until = NULL, tries = tries + 1, due_at = ${DUE_UNLESS_WISHED},
        person_reason = coalesce(person_reason, $5::text)
      WHERE id = $1 AND state = $4 RETURNING id`,
    values: [row.id, row.version, addMs(context.clock.now(), waitMs), row.state, exhausted ? reason : null],
  });
  // A callback moved it while it was asked about: the silence is about a state that is no more.
  if (counted.length === 0) return 'waiting';
  // The person is called once; what is asked slowly after that is the same silence.
  const told = exhausted ? 'person' : 'waiting';
  if (row.person_reason !== null) return told;
  await noteFor(driver, context, row, exhausted ? 'person' : 'unknown', { reason, evidence: step.evidence });
  return told;
}

async function noteFor<Row extends MachineRow, Context extends DriveKit>(
  driver: Driver<Row, Context>,
  context: Context,
  row: Row,
  type: 'unknown' | 'person',
  { reason, evidence }: { readonly reason: string; readonly evidence?: unknown },
): Promise<void> {
  await context.mover.note(context.db, driver.machine, row, type, {
    actor: 'driver',
    reason,
    evidence,
    scope: driver.scope(row),
  });
}

/** What was answered needs a person: nothing is asked any more until that one has decided. */
async function handOver<Row extends MachineRow, Context extends DriveKit>(
  driver: Driver<Row, Context>,
  context: Context,
  row: Row,
  reason: string,
  evidence: unknown,
): Promise<'waiting' | 'person'> {
  const handed = await context.db.query({
    name: `person_${driver.machine.name}`,
    text: `UPDATE ${driver.machine.table} SET lease_until = NULL, due_at = NULL, person_reason = $3
      WHERE id = $1 AND version = $2 RETURNING id`,
    values: [row.id, row.version, reason],
  });
  if (handed.length === 0) {
    // Somebody was at it meanwhile: the next look decides with what there is now.
    await release(context, driver.machine, row, row.due_at);
    return 'waiting';
  }
  await noteFor(driver, context, row, 'person', { reason, evidence });
  return 'person';
}
