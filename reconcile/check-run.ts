import { monotonicMs } from '../core/kernel/clock.ts';
import type { Database, Sql } from '../core/kernel/db/database.ts';
import { CommitUnknown, DatabaseUnavailable } from '../core/kernel/db/failures.ts';
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
import {
  type AuditFacts,
  amountsOf,
  auditFactsOf,
  type Coverage,
  lockVerdict,
  NO_COVERAGE,
  readVerdict,
  type Verdict,
  writeVerdict,
} from './verdicts.ts';

export interface CheckKit extends Kit {
  readonly db: Database;
  readonly log: Logger;
}

/** Journal entries, and touched keys, looked at in one snapshot. */
const RANGE_ROWS = 20_000;
const KEYS = 500;
/** A full audit may take this long. */
const FULL_BUDGET_MS = 10 * 60_000;
/** A verdict that knows less than this much of the present may be green. */
const MAX_LAG_SECONDS = { seconds: 30, hour: 7_200, day: 90_000 } as const;

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
 * Which life of the server this is, and up to where the check has verified in it; a full audit leaves its horizon.
 * `mark` null: this life has seen no full audit. `identity` null: the role may not ask.
 */
export async function readStand(
  kit: CheckKit,
  check: Check,
): Promise<{ readonly identity: string | null; readonly mark: Mark | null }> {
  const identity = await readSystemIdentifier(kit.db);
  const mark = await readWatermark(kit.db, `check:${check.id}`);
  return { identity, mark: identity !== null && mark?.systemIdentifier === identity ? mark : null };
}

/**
 * Runs one check: the full audit when it is asked for or the first of this database's life, else what is new. The data is
 * read in REPEATABLE READ snapshots under the check's budget; findings, watermark and verdict are written after. A run
 * that does not finish, or does not know enough of the present, says `unknown`; of a full audit that is not the first,
 * only its coverage says so. Safe to run twice at once, and a full audit beside runs over what is new.
 */
export async function runCheck(
  kit: CheckKit,
  check: Check,
  options: { readonly full?: boolean; readonly signal: AbortSignal },
): Promise<Verdict> {
  const startedAt = kit.clock.now();
  const startedMs = monotonicMs();
  const before = (await readVerdict(kit.db, check.id))?.coverage ?? NO_COVERAGE;
  const scans = check.mode.by === 'scan';
  let audit = options.full === true && !scans;
  let first = false;
  let budgetMs = check.budgetMs;
  try {
    const { identity, mark } = await readStand(kit, check);
    first = mark === null;
    audit = !scans && (options.full ?? first);
    if (identity === null) throw new Error('this role may not read pg_control_system()');
    const full = audit || scans;
    budgetMs = audit ? FULL_BUDGET_MS : check.budgetMs;
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
    const coverage = await coverageOf(kit, check, { full, rows, upTo, before, startedAt, startedMs });
    const unheard = await unheardEvents(kit, check, upTo?.xid ?? '0');
    const unknown = whyUnknown(check, coverage, unheard);
    return await conclude(kit, check, { startedAt, coverage, total, unknown, full, beside: audit && !first });
  } catch (error) {
    if (options.signal.aborted) throw error;
    const timedOut = error instanceof Error && 'code' in error && error.code === '57014';
    const reason = timedOut
      ? `it did not finish within its budget of ${budgetMs} ms`
      : `it broke: ${error instanceof Error ? error.message : String(error)}`;
    kit.log.warn({ err: error, check: check.id, audit }, 'a check came to no verdict');
    const coverage = audit ? { ...before, ...failed(kit, before, reason, error) } : before;
    return conclude(kit, check, { startedAt, coverage, unknown: reason, full: audit, beside: audit && !first });
  }
}

function failed(kit: CheckKit, before: Coverage, reason: string, error: unknown): Partial<AuditFacts> {
  return {
    fullTriedAt: kit.clock.now().toISOString(),
    fullFailures: before.fullFailures + 1,
    fullFailure: reason,
    fullOutage: error instanceof DatabaseUnavailable || error instanceof CommitUnknown,
  };
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
      const seen = options.full ? await lookAtAll(tx, check, options) : null;
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
  if (full && check.mode.by !== 'watermark') lagSeconds = age(ran.startedAt);
  return {
    mode: full ? 'full' : 'incremental',
    rows: ran.rows,
    upTo: check.mode.by === 'watermark' ? (ran.upTo?.xid ?? null) : null,
    lagSeconds,
    backlog,
    ...(full ? done(ran) : auditFactsOf(before)),
  };
}

function done({ startedAt, startedMs }: Ran): AuditFacts {
  const at = startedAt.toISOString();
  const fullMs = Math.round(monotonicMs() - startedMs);
  return { fullAt: at, fullMs, fullTriedAt: at, fullFailures: 0, fullFailure: null, fullOutage: false };
}

function whyUnknown(check: Check, coverage: Coverage, unheard: number): string | null {
  if (unheard > 0) return `${unheard} events were set aside (parked) unread; it waits for a full audit`;
  const most = MAX_LAG_SECONDS[check.level];
  return coverage.lagSeconds > most
    ? `it does not know the last ${Math.round(coverage.lagSeconds)} s; ${most} s are allowed`
    : null;
}

interface Run {
  readonly startedAt: Date;
  readonly coverage: Coverage;
  /** Violations seen; undefined: the run came to no end. */
  readonly total?: number;
  readonly unknown: string | null;
  /** What it says of full audits is news. */
  readonly full: boolean;
  /** A full audit beside runs over what is new. */
  readonly beside: boolean;
}

/**
 * The verdict by the live findings as they stand now. Violated is said even by a run that knows too little for green, and
 * by one that broke: what was found is not right because nobody could look again.
 *
 * A full audit that failed, or that ended after a younger run over what was new, knows less of the present than the
 * verdict that stands: it adds only what it found and when it looked.
 */
async function conclude(kit: CheckKit, check: Check, run: Run): Promise<Verdict> {
  return kit.db.tx(async (tx) => {
    await lockVerdict(tx, check.id);
    const last = await readVerdict(tx, check.id);
    const standing = await rateFindings(tx, check);
    const total = run.total ?? 0;
    const count = Math.max(standing.count, total > MAX_VIOLATIONS ? total : 0);
    const keep = run.beside && last !== null && (run.total === undefined || last.startedAt > run.startedAt);
    const facts = auditFactsOf(run.full ? run.coverage : (last?.coverage ?? NO_COVERAGE));
    const reason = keep ? last.reason : run.unknown;
    const verdict: Verdict = {
      checkId: check.id,
      verdict: count > 0 ? 'violated' : reason === null ? 'holds' : 'unknown',
      reason,
      count,
      amounts: amountsOf(standing),
      first: standing.first,
      worst: standing.worst,
      coverage: { ...(keep ? last.coverage : run.coverage), ...facts },
      startedAt: keep ? last.startedAt : run.startedAt,
      finishedAt: keep ? last.finishedAt : kit.clock.now(),
    };
    await writeVerdict(tx, verdict);
    return verdict;
  });
}
