import type { Check } from './check.ts';
import type { CheckKit } from './check-run.ts';
import { feedFromJournal } from './dirty.ts';

/** Fills the dirty sets from the journal until they know what is committed, for at most so many stretches. */
const FEED_TURNS = 20;

export async function feed(kit: CheckKit, checks: readonly Check[], signal: AbortSignal): Promise<void> {
  for (let turns = 0; turns < FEED_TURNS && !signal.aborted; turns += 1) {
    if (!(await feedFromJournal(kit, checks))) return;
  }
}
