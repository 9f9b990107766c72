import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import type { Metrics } from '../kernel/metrics.ts';
import type { SwitchDeclaration } from './declarations.ts';
import { Evaluator } from './evaluator.ts';
import type { ChangeMessage, PositionMessage, SetMessage } from './protocol.ts';
import { applyChange, hashRules, type RuleSet } from './rules.ts';
import type { Snapshot } from './snapshot.ts';

/** Where the rules in force came from. */
export type RuleSource = 'defaults' | 'snapshot' | 'control';

/**
 * What became of a message: `applied` swapped it in; `same` said what is known; `older` is let be, because a revision
 * never goes back within one history; `resync` cannot be used, so the full set is needed.
 */
export type Taken =
  | { readonly kind: 'applied' | 'same' | 'older' }
  | { readonly kind: 'resync'; readonly reason: string };

export interface HolderDeps {
  readonly switches: readonly SwitchDeclaration[];
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** Holds the rules in force and decides what may replace them. No I/O and no waiting. */
export class RuleHolder {
  readonly #deps: HolderDeps;
  #evaluator: Evaluator;
  #set: RuleSet | undefined;
  #source: RuleSource = 'defaults';
  #appliedAt: Date | undefined;
  #confirmedAt: Date | undefined;

  constructor(deps: HolderDeps) {
    this.#deps = deps;
    this.#evaluator = new Evaluator(deps.switches, [], deps.metrics);
  }

  get evaluator(): Evaluator {
    return this.#evaluator;
  }

  get set(): RuleSet | undefined {
    return this.#set;
  }

  get source(): RuleSource {
    return this.#source;
  }

  get appliedAt(): Date | undefined {
    return this.#appliedAt;
  }

  /** When control last vouched for the rules in force; `undefined` before it ever did. */
  get confirmedAt(): Date | undefined {
    return this.#confirmedAt;
  }

  boot({ set, confirmedAt }: Snapshot): void {
    this.#swap(set, 'snapshot');
    this.#confirmedAt = confirmedAt;
  }

  takeSet(message: SetMessage): Taken {
    const { epoch, revision, hash, rules } = message;
    const held = this.#set;
    if (held !== undefined && held.epoch === epoch && revision < held.revision) {
      this.#deps.log.warn({ held: held.revision, sent: revision }, 'control sent an older rule set; ours stays');
      return { kind: 'older' };
    }
    const arrived = hashRules(rules);
    if (arrived !== hash) return mismatch(revision, hash, arrived);
    if (held !== undefined && held.epoch !== epoch) {
      const from = { epoch: held.epoch, revision: held.revision };
      this.#deps.log.warn({ from, to: { epoch, revision } }, 'control counts revisions in a new history');
    }
    const same = held !== undefined && held.epoch === epoch && held.revision === revision && held.hash === hash;
    if (same && this.#source === 'control') {
      this.#confirm();
      return { kind: 'same' };
    }
    this.#swap({ epoch, revision, hash, rules }, 'control');
    this.#confirm();
    return { kind: 'applied' };
  }

  /** Control has looked: `same` when what is held is the newest. */
  takePosition({ epoch, revision, hash }: PositionMessage): Taken {
    const held = this.#set;
    if (held !== undefined && held.epoch === epoch && revision < held.revision) return { kind: 'older' };
    const same = held?.epoch === epoch && held.revision === revision && held.hash === hash;
    if (!same || this.#source !== 'control') {
      return { kind: 'resync', reason: `revision ${revision} is in force, and it was not sent` };
    }
    this.#confirm();
    return { kind: 'same' };
  }

  takeChange(message: ChangeMessage): Taken {
    const { epoch, from, revision, hash, changed, removed } = message;
    const held = this.#set;
    if (held === undefined || held.epoch !== epoch) return { kind: 'resync', reason: 'a change of another history' };
    if (revision <= held.revision) return { kind: 'older' };
    if (from !== held.revision) {
      return { kind: 'resync', reason: `a change from revision ${from}, and revision ${held.revision} is held` };
    }
    const rules = applyChange(held.rules, changed, removed);
    const arrived = hashRules(rules);
    if (arrived !== hash) return mismatch(revision, hash, arrived);
    this.#swap({ epoch, revision, hash, rules }, 'control');
    this.#confirm();
    return { kind: 'applied' };
  }

  #confirm(): void {
    this.#confirmedAt = this.#deps.clock.now();
  }

  #swap(set: RuleSet, source: RuleSource): void {
    const { switches, clock, log, metrics } = this.#deps;
    const next = new Evaluator(switches, set.rules, metrics);
    this.#evaluator = next;
    this.#set = set;
    this.#source = source;
    this.#appliedAt = clock.now();
    log.info({ revision: set.revision, hash: set.hash, rules: set.rules.length, source }, 'rules in force');
    if (next.ignored.length > 0)
      log.warn({ ignored: next.ignored.slice(0, 20) }, 'rules that this release does not act on');
  }
}

function mismatch(revision: number, hash: string, arrived: string): Taken {
  const short = (digest: string): string => digest.slice(0, 12);
  return { kind: 'resync', reason: `wrong hash at revision ${revision}: ${short(arrived)} instead of ${short(hash)}` };
}
