import { DatabaseUnavailable } from '../kernel/db/failures.ts';
import { countParkedFrom, lockParked, parkEvent, unpark } from './bus.store.ts';
import { type BusKit, type Consumer, messageOf } from './consume.ts';
import { readAsked } from './desk.store.ts';

/**
 * Hands a parked event over again, whatever has been handled since, and takes it off the parked ones in the same
 * transaction. Two at once hand it over once. Throws what the handler throws; then the event stays parked.
 *
 * Returns false when the event is not parked for this consumer.
 */
export async function handOverAgain(kit: BusKit, consumer: Consumer, eventId: number): Promise<boolean> {
  return kit.db.tx(async (tx) => {
    const event = await lockParked(tx, consumer.name, eventId);
    if (event === null) return false;
    await consumer.handle([event], tx);
    await unpark(tx, consumer.name, eventId);
    return true;
  });
}

/**
 * Hands over what a person asked for at the desk. What fails again stays parked, with its new reason, and is not tried
 * again until somebody asks. Returns how many were taken.
 */
export async function handOverAsked(kit: BusKit, consumer: Consumer): Promise<number> {
  let taken = 0;
  for (const eventId of await readAsked(kit.db, consumer.name)) {
    try {
      if (await handOverAgain(kit, consumer, eventId)) taken += 1;
    } catch (error) {
      if (error instanceof DatabaseUnavailable) throw error;
      await parkEvent(kit.db, consumer.name, eventId, messageOf(error), kit.clock.now());
    }
  }
  return taken;
}

/**
 * How many of a consumer's parked events are news to somebody who has read the tables themselves: those that a snapshot
 * with this horizon (the `xid` below which everything was decided) may not have seen.
 */
export async function parkedSince(kit: BusKit, consumerName: string, horizon: string): Promise<number> {
  return countParkedFrom(kit.db, consumerName, horizon);
}
