import { monotonicMs } from '../core/kernel/clock.ts';
import type { Database, Sql } from '../core/kernel/db/database.ts';
import type { Logger } from '../core/kernel/log.ts';
import {
  cleanDirty,
  type DirtyRow,
  dirtyBacklog,
  moveWatermark,
  nextRange,
  oldestEntryAfter,
  readDirty,
  readHorizon,
  readSystemIdentifier,
  readWatermark,
} from './check.store.ts';
import { type Check, type Found, MAX_VIOLATIONS, type Violation } from './check.ts';
import { feedLagSeconds, unheardEvents } from './dirty.ts';
import { closeHealed, type Kit, liveRows, rateFindings, recordFindings } from './findings/findings.ts';
import type { Mark, Scope } from './scope.ts';
import { amountsOf, type Coverage, NO_COVERAGE, readVerdict, type Verdict, writeVerdict } from './verdicts.ts';

export interface CheckKit extends Kit {
  readonly db: Database;
  readonly log: Logger;
}

/** Journal entries, and touched keys, looked at in one snapshot. */
const RANGE_ROWS = 20_000;
const KEYS = 500;
/** A full audit may take this long; one that does not fit says `unknown`. */
const FULL_BUDGET_MS = 10 * 60_000;
/** A verdict that knows less than this much of the present may be green. */
const MAX_LAG_SECONDS = { seconds: 30, hour: 7_200, day: 90_000 } as const;
/** A full audit returns after 200 times what it took: it costs half a percent of a connection's time. */
const FULL_SHARE = 200;
const FULL_EVERY_MIN_MS = 5 * 60_000;
const FULL_EVERY_MAX_MS = 24 * 3_600_000;

/** What one look at the data, in one snapshot, came to. */
interface Look {
  readonly bad: readonly Violation[];
  /** All violations, also those beyond the bound of `bad`. */
  readonly total: number;
  readonly healed: readonly string[];
  readonly rows: number;
  readonly upTo: Mark | null;
  readonly cleaned: readonly DirtyRow[];
  readonly more: boolean;
}

/**
 * Runs one check: the full audit when it is asked for, due, or the first of this database's life, else what is new. The
 * data is read in REPEATABLE READ snapshots under the check's budget; findings, watermark and verdict are written after.
 * A run that does not finish, or does not know enough of the present, says `unknown`. Safe to run twice at once.
 */
export async function runCheck(
  kit: CheckKit,
  check: Check,
  options: { readonly full?: boolean; readonly signal: AbortSignal },
): Promise<Verdict> {
  const startedAt = kit.clock.now();
  const startedMs = monotonicMs();
  const before = (await readVerdict(kit.db, check.id))?.coverage ?? NO_COVERAGE;
  let coverage = before;
  let budgetMs = check.budgetMs;
  try {
    const identity = await readSystemIdentifier(kit.db);
    if (identity === null) {
      return await conclude(kit, check, { startedAt, coverage, unknown: 'this role may not read pg_control_system()' });
    }
    const mark = await readWatermark(kit.db, `check:${check.id}`);
    const known = mark !== null && mark.systemIdentifier === identity;
    const full =
      options.full ??
      (!known || fullIsDue(before, startedAt) || (await unheardEvents(kit, check, mark?.xid ?? '0')) > 0);
    budgetMs = full ? FULL_BUDGET_MS : check.budgetMs;
    let rows = 0;
    let total = 0;
    let upTo: Mark | null = mark;
    for (;;) {
      const restMs = Math.round(budgetMs - (monotonicMs() - startedMs));
      if (restMs <= 0) break;
      const look = await lookOnce(kit, check, { full, after: upTo, restMs, now: startedAt, signal: options.signal });
      await writeLook(kit, check, look, identity);
      rows += look.rows;
      total = Math.max(total, look.total);
      upTo = look.upTo ?? upTo;
      if (!look.more || options.signal.aborted) break;
    }
    coverage = await coverageOf(kit, check, { full, rows, upTo, before, startedAt, startedMs });
    const unheard = await unheardEvents(kit, check, upTo?.xid ?? '0');
    return await conclude(kit, check, { startedAt, coverage, total, unknown: whyUnknown(check, coverage, unheard) });
  } catch (error) {
    if (options.signal.aborted) throw error;
    const timedOut = error instanceof Error && 'code' in error && error.code === '57014';
    const reason = timedOut
      ? `it did not finish within its budget of ${budgetMs} ms`
      : `it broke: ${error instanceof Error ? error.message : String(error)}`;
    kit.log.warn({ err: error, check: check.id }, 'a check came to no verdict');
    return conclude(kit, check, { startedAt, coverage, unknown: reason });
  }
}

function fullIsDue(before: Coverage, now: Date): boolean {
  if (before.fullAt === null) return true;
  const everyMs = Math.min(FULL_EVERY_MAX_MS, Math.max(FULL_EVERY_MIN_MS, (before.fullMs ?? 0) * FULL_SHARE));
  return now.getTime() - new Date(before.fullAt).getTime() >= everyMs;
}

interface LookOptions {
  readonly full: boolean;
  readonly after: Mark | null;
  readonly restMs: number;
  readonly now: Date;
  readonly signal: AbortSignal;
}

function lookOnce(kit: CheckKit, check: Check, options: LookOptions): Promise<Look> {
  return kit.db.tx(
    async (tx) => {
      const live = await liveRows(tx, check.id, MAX_VIOLATIONS);
      const seen = options.full || check.mode.by === 'scan' ? await lookAtAll(tx, check, options) : null;
      const look = seen ?? (await lookAtNew(tx, check, options));
      return recheck(tx, check, look, live, options.now);
    },
    {
      isolation: 'repeatable read',
      readOnly: true,
      signal: options.signal,
      statementTimeoutMs: options.restMs,
    },
  );
}

type Seen = Omit<Look, 'healed'>;

async function lookAtAll(tx: Sql, check: Check, options: LookOptions): Promise<Seen> {
  const horizon = await readHorizon(tx);
  const found = await check.violations(tx, { kind: 'all', now: options.now });
  const rows = await tx.query<{ count: number }>({ text: check.subjects });
  // Keys that were touched before this snapshot are in it; only as many as one statement may name are struck off.
  const cleaned = check.mode.by === 'dirty' ? await readDirty(tx, check.id, 10 * KEYS) : [];
  return { ...bound(found), rows: rows[0]?.count ?? 0, upTo: horizon, cleaned, more: false };
}

async function lookAtNew(tx: Sql, check: Check, options: LookOptions): Promise<Seen> {
  if (check.mode.by === 'dirty') {
    const dirty = await readDirty(tx, check.id, KEYS);
    const scope: Scope = { kind: 'keys', keys: dirty.map((row) => row.key), now: options.now };
    const found = dirty.length === 0 ? { violations: [], count: 0 } : await check.violations(tx, scope);
    return { ...bound(found), rows: dirty.length, upTo: null, cleaned: dirty, more: dirty.length === KEYS };
  }
  const after = options.after ?? { xid: '0', id: 0 };
  const range = await nextRange(tx, after, RANGE_ROWS);
  if (range === null) return { bad: [], total: 0, rows: 0, upTo: null, cleaned: [], more: false };
  const suspects = await check.violations(tx, { kind: 'range', after, upTo: range.upTo, now: options.now });
  const rows = suspects.violations.map((v) => v.rowKey);
  const found = rows.length === 0 ? suspects : await check.violations(tx, { kind: 'rows', rows, now: options.now });
  return { ...bound(found), rows: range.rows, upTo: range.upTo, cleaned: [], more: range.more };
}

function bound(found: Found): { bad: readonly Violation[]; total: number } {
  return { bad: found.violations, total: found.count };
}

/** Looks again at exactly the rows of live findings that this look did not name: right now, they are healed. */
async function recheck(tx: Sql, check: Check, seen: Seen, live: readonly string[], now: Date): Promise<Look> {
  const named = new Set(seen.bad.map((v) => v.rowKey));
  const rows = live.filter((key) => !named.has(key));
  if (rows.length === 0) return { ...seen, healed: [] };
  const still = await check.violations(tx, { kind: 'rows', rows, now });
  const bad = new Set(still.violations.map((v) => v.rowKey));
  return { ...seen, bad: [...seen.bad, ...still.violations], healed: rows.filter((key) => !bad.has(key)) };
}

async function writeLook(kit: CheckKit, check: Check, look: Look, systemIdentifier: string): Promise<void> {
  await kit.db.tx(async (tx) => {
    await recordFindings(tx, kit, check, look.bad);
    await closeHealed(tx, kit, check.id, look.healed);
    await cleanDirty(tx, check.id, look.cleaned);
    if (look.upTo !== null) {
      await moveWatermark(tx, `check:${check.id}`, { ...look.upTo, systemIdentifier }, kit.clock.now());
    }
  });
}

interface Ran {
  readonly full: boolean;
  readonly rows: number;
  readonly upTo: Mark | null;
  readonly before: Coverage;
  readonly startedAt: Date;
  readonly startedMs: number;
}

async function coverageOf(kit: CheckKit, check: Check, ran: Ran): Promise<Coverage> {
  const { before, full } = ran;
  const age = (at: Date | null): number =>
    at === null ? 0 : Math.max(0, (kit.clock.now().getTime() - at.getTime()) / 1000);
  let lagSeconds = 0;
  let backlog = 0;
  if (check.mode.by === 'watermark' && ran.upTo !== null) {
    lagSeconds = age(await oldestEntryAfter(kit.db, ran.upTo));
  }
  if (check.mode.by === 'dirty') {
    const waiting = await dirtyBacklog(kit.db, check.id);
    backlog = waiting.count;
    if (!full) lagSeconds = Math.max(age(waiting.since), await feedLagSeconds(kit));
  }
  // What looks at everything sees all that was committed before its snapshot, fed or not, and nothing after it.
  if (check.mode.by === 'scan' || (check.mode.by === 'dirty' && full)) lagSeconds = age(ran.startedAt);
  return {
    mode: full ? 'full' : 'incremental',
    rows: ran.rows,
    upTo: check.mode.by === 'watermark' ? (ran.upTo?.xid ?? null) : null,
    lagSeconds,
    backlog,
    fullAt: full || check.mode.by === 'scan' ? ran.startedAt.toISOString() : before.fullAt,
    fullMs: full || check.mode.by === 'scan' ? Math.round(monotonicMs() - ran.startedMs) : before.fullMs,
  };
}

function whyUnknown(check: Check, coverage: Coverage, unheard: number): string | null {
  if (unheard > 0) return `${unheard} events were set aside (parked) unread; it waits for a full audit`;
  const most = MAX_LAG_SECONDS[check.level];
  return coverage.lagSeconds > most
    ? `it does not know the last ${Math.round(coverage.lagSeconds)} s; ${most} s are allowed`
    : null;
}

/**
 * The verdict by the live findings as they stand now. Violated is said even by a run that knows too little for green, and
 * by one that broke: what was found is not right because nobody could look again.
 */
async function conclude(
  kit: CheckKit,
  check: Check,
  run: {
    readonly startedAt: Date;
    readonly coverage: Coverage;
    readonly total?: number;
    readonly unknown: string | null;
  },
): Promise<Verdict> {
  return kit.db.tx(async (tx) => {
    const standing = await rateFindings(tx, check);
    const beyond = (run.total ?? 0) > MAX_VIOLATIONS ? (run.total ?? 0) : 0;
    const count = Math.max(standing.count, beyond);
    const verdict: Verdict = {
      checkId: check.id,
      verdict: count > 0 ? 'violated' : run.unknown === null ? 'holds' : 'unknown',
      reason: run.unknown,
      count,
      amounts: amountsOf(standing),
      first: standing.first,
      worst: standing.worst,
      coverage: run.coverage,
      startedAt: run.startedAt,
      finishedAt: kit.clock.now(),
    };
    await writeVerdict(tx, verdict);
    return verdict;
  });
}
