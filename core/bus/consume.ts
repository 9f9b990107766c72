import type { Clock } from '../kernel/clock.ts';
import type { Database, Tx } from '../kernel/db/database.ts';
import { DatabaseUnavailable } from '../kernel/db/failures.ts';
import {
  ensureConsumer,
  holdBack,
  lockCursor,
  moveCursor,
  type Position,
  parkEvent,
  peek,
  readEvents,
  takeConsumer,
  unparkTaken,
} from './bus.store.ts';
import type { BusEvent } from './event.ts';

/** Who reads the bus. `handle` runs in the transaction that moves the cursor, so each event takes effect exactly once. */
export interface Consumer {
  /** Stable: the cursor is kept under it. */
  readonly name: string;
  /** The most events handed over at once, 1..1000. */
  readonly batch: number;
  /** Whose events it hears, by machine; all where it names none. The others are passed over by the database. */
  readonly machines?: readonly string[];
  /**
   * Takes events in commit order. What it writes through `tx` commits together with the cursor. Throwing undoes the
   * batch, which comes again in smaller pieces; an event that fails alone `STRIKES` times is parked, and may be handed
   * over again after later ones.
   */
  handle(events: readonly BusEvent[], tx: Tx): Promise<void>;
}

export interface BusKit {
  readonly db: Database;
  readonly clock: Clock;
}

export type Turn =
  /** So many events were handled; there may be more. */
  | { readonly kind: 'handled'; readonly count: number }
  /** Nothing to read. */
  | { readonly kind: 'idle' }
  /** Another replica reads, or this consumer is being held back. */
  | { readonly kind: 'elsewhere' }
  /** The event at hand failed again: it will come back. */
  | { readonly kind: 'held back'; readonly error: string }
  /** An event failed too often and was set aside with its reason. */
  | { readonly kind: 'parked'; readonly eventId: number; readonly error: string };

/** Failures of one event, alone, until it is parked: about four seconds with the pauses between them. */
export const STRIKES = 5;
const PAUSE_MS = 250;

/**
 * One turn of a consumer: takes the lease, reads a batch behind the horizon, hands it over and moves the cursor in one
 * transaction. A batch that fails is halved until it passes or the culprit stands alone.
 *
 * Throws `DatabaseUnavailable`; everything the handler throws counts against the event at hand.
 */
export async function turn(kit: BusKit, consumer: Consumer, holder: string, signal: AbortSignal): Promise<Turn> {
  const standing = await peek(kit.db, consumer.name, holder);
  if (standing === 'new') await ensureConsumer(kit.db, consumer.name);
  if (standing === 'idle') return { kind: 'idle' };
  if (!(await takeConsumer(kit.db, consumer.name, holder))) return { kind: 'elsewhere' };
  let size = Math.max(1, Math.min(consumer.batch, 1000));
  for (;;) {
    signal.throwIfAborted();
    const seen: { events: readonly BusEvent[] } = { events: [] };
    try {
      return await handleBatch(kit, consumer, holder, size, seen);
    } catch (error) {
      // Without an event read it was no event's fault.
      if (error instanceof DatabaseUnavailable || seen.events.length === 0) throw error;
      if (seen.events.length === 1) return strike(kit, consumer, holder, seen.events[0], messageOf(error));
      size = Math.floor(seen.events.length / 2);
    }
  }
}

function handleBatch(
  kit: BusKit,
  consumer: Consumer,
  holder: string,
  size: number,
  seen: { events: readonly BusEvent[] },
): Promise<Turn> {
  return kit.db.tx(async (tx): Promise<Turn> => {
    const cursor = await lockCursor(tx, consumer.name, holder);
    if (cursor === null) return { kind: 'elsewhere' };
    const { events, last } = await readEvents(tx, cursor, size, consumer.machines ?? null);
    if (last === null) return { kind: 'idle' };
    seen.events = events;
    if (events.length > 0) await consumer.handle(events, tx);
    const ids = events.map(({ id }) => id);
    // What it takes now, when it is sent back, need not wait for a person any more.
    await Promise.all([moveCursor(tx, consumer.name, last), unparkTaken(tx, consumer.name, ids)]);
    return { kind: 'handled', count: events.length };
  });
}

/** The event at hand has failed alone: hold back and try again, or park it and go on behind it. */
function strike(
  kit: BusKit,
  consumer: Consumer,
  holder: string,
  event: BusEvent | undefined,
  error: string,
): Promise<Turn> {
  if (event === undefined) throw new Error('broken invariant: a strike without an event');
  return kit.db.tx(async (tx): Promise<Turn> => {
    const cursor = await lockCursor(tx, consumer.name, holder);
    if (cursor === null) return { kind: 'elsewhere' };
    if (cursor.tries + 1 < STRIKES) {
      await holdBack(tx, consumer.name, error, PAUSE_MS * 2 ** cursor.tries);
      return { kind: 'held back', error };
    }
    await parkEvent(tx, consumer.name, event.id, error, kit.clock.now());
    await moveCursor(tx, consumer.name, { xid: event.xid, eventId: event.id });
    return { kind: 'parked', eventId: event.id, error };
  });
}

/** Sends a consumer back (or forward) to a position: it sees every event after it again. Handlers are idempotent. */
export async function rewind(kit: BusKit, name: string, to: Position): Promise<void> {
  await ensureConsumer(kit.db, name);
  await moveCursor(kit.db, name, to);
}

/** What is kept of a failure. */
export function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 1000);
}
