import type { Clock } from '../core/kernel/clock.ts';
import type { Database } from '../core/kernel/db/database.ts';
import type { Metrics } from '../core/kernel/metrics.ts';
import type { Check } from './check.ts';
import { summariseFindings } from './findings/findings.ts';
import { TIERS } from './findings/tiers.ts';
import { readStandings, type Standing } from './stuck.ts';
import { readVerdicts, type ShownVerdict } from './verdicts.ts';

const VERDICT_VALUE = { holds: 0, violated: 1, unknown: -1 } as const;
/** A reading that is older is no news: three that should have come did not. */
const FRESH_MS = 15_000;
/** ISO 4217 for "no currency": carries the zero of a system in which nothing is at risk. */
const NO_CURRENCY = 'XXX';

interface GaugeKit {
  readonly db: Database;
  readonly clock: Clock;
}

interface Reading {
  readonly at: Date;
  readonly standings: readonly Standing[];
  readonly verdicts: readonly ShownVerdict[];
  readonly findings: Awaited<ReturnType<typeof summariseFindings>>;
}

/**
 * The facts of the whole system as gauges. Every replica reads them from the database, whoever holds the checks, so all
 * tell the same; they differ by the moment at which they looked, and panels take their maximum (of a lag: the minimum),
 * never their sum.
 *
 * A replica that cannot read any more must not go on telling what it once read: counts and money vanish from its scrape,
 * verdicts turn unknown, lags grow.
 */
export class Gauges {
  readonly #kit: GaugeKit;
  readonly #checks: readonly Check[];
  readonly #bornAt: Date;
  #last: Reading | undefined;

  constructor(kit: GaugeKit, metrics: Metrics, checks: readonly Check[]) {
    this.#kit = kit;
    this.#checks = checks;
    this.#bornAt = kit.clock.now();
    metrics.atScrape('stuckOrders', (put) => {
      for (const { state, stuck } of this.#fresh?.standings ?? []) put({ state }, stuck);
    });
    metrics.atScrape('stuckOldest', (put) => {
      for (const { state, oldestStuckSeconds } of this.#fresh?.standings ?? []) put({ state }, oldestStuckSeconds);
    });
    metrics.atScrape('checkVerdict', (put) => {
      const verdicts = new Map(this.#fresh?.verdicts.map(({ checkId, verdict }) => [checkId, verdict]));
      for (const { id } of checks) put({ check: id }, VERDICT_VALUE[verdicts.get(id) ?? 'unknown']);
    });
    metrics.atScrape('checkLag', (put) => {
      for (const { id } of checks) put({ check: id }, this.#lagSeconds(id));
    });
    metrics.atScrape('findings', (put) => {
      const counts = this.#fresh?.findings.counts;
      if (counts === undefined) return;
      // A series that is missing is no zero: dashboards need the open ones even when there are none.
      for (const tier of TIERS) put({ tier, status: 'open' }, 0);
      for (const { tier, status, count } of counts) put({ tier, status }, count);
    });
    metrics.atScrape('exposure', (put) => {
      const exposure = this.#fresh?.findings.exposure;
      if (exposure?.length === 0) put({ currency: NO_CURRENCY }, 0);
      for (const { currency, amount } of exposure ?? []) put({ currency }, amount);
    });
  }

  /** Reads everything anew. Rejects when the database does not answer; what was read before then grows old. */
  async refresh(): Promise<void> {
    const { db, clock } = this.#kit;
    const now = clock.now();
    const [standings, verdicts, findings] = await Promise.all([
      readStandings(db, now),
      readVerdicts(db, this.#checks, now),
      summariseFindings(db),
    ]);
    this.#last = { at: now, standings, verdicts, findings };
  }

  get #fresh(): Reading | undefined {
    const last = this.#last;
    if (last === undefined) return undefined;
    const ageMs = this.#kit.clock.now().getTime() - last.at.getTime();
    // A clock that stepped back makes a reading of the future, which is no better than an old one.
    return ageMs >= 0 && ageMs <= FRESH_MS ? last : undefined;
  }

  /** All that was committed before the last run began was seen, but what the run itself said it lacked. */
  #lagSeconds(checkId: string): number {
    const verdict = this.#last?.verdicts.find((v) => v.checkId === checkId);
    const now = this.#kit.clock.now();
    const since = (at: Date): number => Math.max(0, (now.getTime() - at.getTime()) / 1000);
    if (verdict === undefined || verdict.startedAt === null || verdict.finishedAt === null) return since(this.#bornAt);
    return Math.max(since(verdict.startedAt), since(verdict.finishedAt) + verdict.coverage.lagSeconds);
  }
}
