import { type Check, loadChecks } from './check.ts';
import { type CheckKit, runCheck } from './check-run.ts';
import { feedFromJournal } from './dirty.ts';
import type { Verdict } from './verdicts.ts';

/** Fills the dirty sets from the journal until they know what is committed, for at most so many stretches. */
const FEED_TURNS = 20;

export async function feed(kit: CheckKit, checks: readonly Check[], signal: AbortSignal): Promise<void> {
  for (let turns = 0; turns < FEED_TURNS && !signal.aborted; turns += 1) {
    if (!(await feedFromJournal(kit, checks))) return;
  }
}

/**
 * Runs checks now and returns their verdicts: the public command of this room, for control and the command line.
 * `ids` undefined: all of them. `full`: the audit of all history. Safe beside the scheduled runs.
 *
 * Throws on an unknown id: callers offer the ids of `loadChecks`.
 */
export async function runChecks(
  kit: CheckKit,
  ids: readonly string[] | undefined,
  options: { readonly full?: boolean; readonly signal: AbortSignal },
): Promise<readonly Verdict[]> {
  const all = await loadChecks();
  const chosen = ids === undefined ? all : ids.map((id) => checkOf(all, id));
  await feed(kit, all, options.signal);
  const verdicts: Verdict[] = [];
  for (const check of chosen) verdicts.push(await runCheck(kit, check, options));
  return verdicts;
}

function checkOf(checks: readonly Check[], id: string): Check {
  const check = checks.find((c) => c.id === id);
  if (check === undefined) throw new Error(`there is no check ${id}; known: ${checks.map((c) => c.id).join(', ')}`);
  return check;
}
