import type { Check } from './check.ts';
import { type CheckKit, readStand, runCheck } from './check-run.ts';
import { unheardEvents } from './dirty.ts';
import { type Coverage, NO_COVERAGE, readVerdict, type Verdict } from './verdicts.ts';

const MINUTE_MS = 60_000;
/** A full audit returns after 200 times what it took: it costs half a percent of a connection's time. */
const FULL_SHARE = 200;
const FULL_EVERY_MIN_MS = 5 * MINUTE_MS;
/** After an outage it comes again soon: the check may be unknown until then. */
const AFTER_OUTAGE_MS = 10_000;
const FULL_EVERY_MAX_MS = 24 * 60 * MINUTE_MS;
/** Events that nobody could take ask for one out of turn, but not for one after another. */
const UNHEARD_EVERY_MS = MINUTE_MS;

/**
 * Runs a check's full audit if one is due. It is a job of its own, so that what is new is looked at meanwhile, however
 * long the audit takes. One that failed comes again after 5 minutes, or 10 s where the database had gone away, then twice
 * as long each time, up to a day. Null: none was due. A check that scans looks at everything each time, and needs none.
 */
export async function auditWhenDue(kit: CheckKit, check: Check, signal: AbortSignal): Promise<Verdict | null> {
  if (check.mode.by === 'scan') return null;
  const coverage = (await readVerdict(kit.db, check.id))?.coverage ?? NO_COVERAGE;
  const { mark } = await readStand(kit, check);
  const unheard = mark === null ? 0 : await unheardEvents(kit, check, mark.xid);
  const due = isDue(coverage, { verified: mark !== null, unheard: unheard > 0, now: kit.clock.now() });
  return due ? runCheck(kit, check, { full: true, signal }) : null;
}

/**
 * Runs a check over what is new. Before the first full audit of this database's life there is nothing to begin from: the
 * check stays unknown until it is done. Null: so it is.
 */
export async function lookWhenAudited(kit: CheckKit, check: Check, signal: AbortSignal): Promise<Verdict | null> {
  if (check.mode.by !== 'scan' && (await readStand(kit, check)).mark === null) return null;
  return runCheck(kit, check, { full: false, signal });
}

function isDue(
  { fullAt, fullMs, fullTriedAt, fullFailures, fullOutage }: Coverage,
  stand: { readonly verified: boolean; readonly unheard: boolean; readonly now: Date },
): boolean {
  const since = (at: string | null): number =>
    at === null ? Number.POSITIVE_INFINITY : stand.now.getTime() - new Date(at).getTime();
  const firstPauseMs = fullOutage ? AFTER_OUTAGE_MS : FULL_EVERY_MIN_MS;
  const pauseMs = fullFailures === 0 ? 0 : firstPauseMs * 2 ** (fullFailures - 1);
  if (since(fullTriedAt) < Math.min(FULL_EVERY_MAX_MS, pauseMs)) return false;
  if (!stand.verified) return true;
  if (stand.unheard && since(fullTriedAt) >= UNHEARD_EVERY_MS) return true;
  const everyMs = Math.min(FULL_EVERY_MAX_MS, Math.max(FULL_EVERY_MIN_MS, (fullMs ?? 0) * FULL_SHARE));
  return since(fullAt) >= everyMs;
}
