import type { Clock } from '../kernel/clock.ts';
import { addMs } from '../kernel/clock.ts';
import type { Database, Sql, Tx } from '../kernel/db/database.ts';
import { catchRefusal, type Refusal, RefusalError, type Result, refuse } from '../kernel/errors.ts';
import { logOperation } from '../operations/operation-log.ts';
import { moveCursor, type Position, START } from './bus.store.ts';
import {
  askParked,
  type ConsumerRow,
  dropParked,
  lockConsumer,
  type ParkedEvent,
  placeBefore,
  placeBeforeTime,
  readConsumers,
  readParked,
} from './desk.store.ts';

/**
 * The desk at which a person sees to the consumers of the bus, of whatever process: how far they are, what they have set
 * aside; sends one back, gives an event to it again, or dismisses it. Everything done here is in the operation log.
 */
interface Desk {
  readonly db: Database;
  readonly clock: Clock;
}

export interface ConsumerView extends ConsumerRow {
  /** Age of the oldest event that it has not handled; 0 when it is up to date. */
  readonly lagSeconds: number;
}

export async function consumersOf({ db, clock }: Desk): Promise<ConsumerView[]> {
  const now = clock.now().getTime();
  return (await readConsumers(db)).map((row) => ({
    ...row,
    lagSeconds: row.oldest === null ? 0 : Math.max(0, (now - row.oldest.getTime()) / 1000),
  }));
}

/** Where a consumer is sent back to: the beginning, an event (which it sees again), or a moment. */
export type ReplayFrom =
  | { readonly kind: 'beginning' }
  | { readonly kind: 'event'; readonly eventId: number }
  | { readonly kind: 'time'; readonly at: Date };

/** Longer than any transaction lasts: what was written at a moment may belong to one that began so long before. */
const MARGIN_MS = 60_000;

/**
 * Sends a consumer back: it sees every event from there on again (a replay from a moment begins a minute before it).
 * Handlers are idempotent, so what they have done stays as it is.
 *
 * Refuses: `consumer_unknown`; `event_unknown`; `wrong_state` where the point lies ahead of it, which would lose events.
 */
export function replay(
  desk: Desk,
  actor: string,
  wish: { readonly name: string; readonly from: ReplayFrom; readonly reason: string },
): Promise<Result<Position>> {
  const { name, from, reason } = wish;
  return commit(desk, async (tx) => {
    const cursor = await lockConsumer(tx, name);
    if (cursor === null) return unknownConsumer(name);
    const to = await placeOf(tx, from);
    if (to === null) return refuse('event_unknown', 'No event has that id.');
    // One whose place is of another life of the server has no order with ours.
    if (!cursor.lost && isAfter(to, cursor)) {
      return refuse('wrong_state', `${name} has not come so far yet: sending it ahead would lose what lies between.`);
    }
    await moveCursor(tx, name, to);
    await note(tx, desk, actor, name, 'replay', { xid: cursor.xid, eventId: cursor.eventId }, { ...to, reason });
    return { ok: true, value: to };
  });
}

async function placeOf(sql: Sql, from: ReplayFrom): Promise<Position | null> {
  switch (from.kind) {
    case 'beginning':
      return START;
    case 'event':
      return placeBefore(sql, from.eventId);
    case 'time':
      return placeBeforeTime(sql, addMs(from.at, -MARGIN_MS));
  }
}

function isAfter(a: Position, b: Position): boolean {
  const [x, y] = [BigInt(a.xid), BigInt(b.xid)];
  return x > y || (x === y && a.eventId > b.eventId);
}

/**
 * Parked events of a consumer, oldest first, after an id.
 *
 * Refuses: `consumer_unknown`.
 */
export async function parkedOf(
  desk: Desk,
  page: { readonly name: string; readonly after: number; readonly limit: number },
): Promise<Result<ParkedEvent[]>> {
  const known = (await readConsumers(desk.db)).some(({ name }) => name === page.name);
  if (!known) return unknownConsumer(page.name);
  return { ok: true, value: await readParked(desk.db, page.name, page.after, page.limit) };
}

/**
 * Asks that a consumer take a parked event again. Whoever runs it does so within a few seconds; when it fails again the event
 * stays parked, with the new reason. Asking twice is asking once.
 *
 * Refuses: `parked_event_unknown`.
 */
export function askAgain(desk: Desk, actor: string, wish: ParkedWish): Promise<Result<ParkedEvent>> {
  return commit(desk, async (tx) => {
    const event = await askParked(tx, wish.name, wish.eventId, desk.clock.now());
    if (event === null) return unknownParked(wish);
    await note(tx, desk, actor, wish.name, 'parked.again', event, { reason: wish.reason });
    return { ok: true, value: event };
  });
}

/**
 * Takes an event off the parked ones for good: it will not be handled. The log keeps what it was and why.
 *
 * Refuses: `parked_event_unknown`.
 */
export function dismiss(desk: Desk, actor: string, wish: ParkedWish): Promise<Result<ParkedEvent>> {
  return commit(desk, async (tx) => {
    const event = await dropParked(tx, wish.name, wish.eventId);
    if (event === null) return unknownParked(wish);
    await note(tx, desk, actor, wish.name, 'parked.dismissed', event, { reason: wish.reason });
    return { ok: true, value: event };
  });
}

export interface ParkedWish {
  readonly name: string;
  readonly eventId: number;
  readonly reason: string;
}

function commit<T>(desk: Desk, work: (tx: Tx) => Promise<Result<T>>): Promise<Result<T>> {
  return catchRefusal(() =>
    desk.db.tx(async (tx) => {
      const done = await work(tx);
      if (!done.ok) throw new RefusalError(done);
      return done.value;
    }),
  );
}

function note(
  tx: Tx,
  desk: Desk,
  actor: string,
  entityId: string,
  operation: string,
  before: unknown,
  after: unknown,
): Promise<void> {
  return logOperation(tx, { actor, entityType: 'consumer', entityId, operation, before, after }, desk.clock.now());
}

function unknownConsumer(name: string): Refusal {
  return refuse('consumer_unknown', `No consumer of the bus is called ${name}.`);
}

function unknownParked({ name, eventId }: ParkedWish): Refusal {
  return refuse('parked_event_unknown', `${name} has no parked event ${eventId}.`);
}
