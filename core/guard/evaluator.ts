import { z } from 'zod';
import type { CounterSeries, Metrics } from '../kernel/metrics.ts';
import type { SwitchDeclaration } from './declarations.ts';
import type { Guard, GuardPass, GuardRefusal } from './guard.ts';
import type { Rule, RuleName } from './rules.ts';

/** The body of a rule of kind `switch`. Members of a newer release are let be. */
export const switchBody = z.object({ on: z.boolean() });

/** A rule that this release does not act on, and why. */
export interface IgnoredRule extends RuleName {
  readonly reason: string;
}

interface EntryState {
  readonly answer: GuardPass | GuardRefusal;
  readonly decided: CounterSeries;
}

interface SwitchState {
  readonly on: boolean;
  readonly decided: CounterSeries;
}

/** Nothing is held by an entry that only switches guard, so one object serves every pass. */
const PASS: GuardPass = Object.freeze({ allowed: true, release: () => undefined });

/**
 * A rule set compiled to look-ups: a decision is one Map read and one addition, and allocates nothing. It never changes;
 * a new rule set is a new evaluator, and swapping it in is one pointer.
 */
export class Evaluator implements Guard {
  readonly #entries = new Map<string, EntryState>();
  readonly #switches = new Map<string, SwitchState>();
  readonly #unknownEntry: CounterSeries;
  readonly #unknownSwitch: CounterSeries;
  readonly ignored: readonly IgnoredRule[];

  constructor(declared: readonly SwitchDeclaration[], rules: readonly Rule[], metrics: Metrics) {
    const states = new Map(declared.map(({ key, default: on }) => [key, on]));
    this.ignored = readSwitches(rules, states);
    for (const [key, on] of states) {
      const whenOn = metrics.counter('guardDecisions', { entry: '', outcome: 'on', rule: key });
      const whenOff = metrics.counter('guardDecisions', { entry: '', outcome: 'off', rule: key });
      this.#switches.set(key, { on, decided: on ? whenOn : whenOff });
    }
    for (const entry of new Set(declared.flatMap(({ closes }) => closes))) {
      this.#entries.set(entry, entryState(entry, declared, states, metrics));
    }
    this.#unknownEntry = metrics.counter('guardDecisions', { entry: 'undeclared', outcome: 'allowed', rule: '' });
    this.#unknownSwitch = metrics.counter('guardDecisions', { entry: '', outcome: 'on', rule: 'undeclared' });
  }

  enter(entry: string): GuardPass | GuardRefusal {
    const state = this.#entries.get(entry);
    if (state === undefined) {
      this.#unknownEntry.inc();
      return PASS;
    }
    state.decided.inc();
    return state.answer;
  }

  /** A key that nobody declared is on: the normal behaviour. */
  isOn(key: string): boolean {
    const state = this.#switches.get(key);
    if (state === undefined) {
      this.#unknownSwitch.inc();
      return true;
    }
    state.decided.inc();
    return state.on;
  }
}

/**
 * Reads the switches of a rule set over their defaults. A body that cannot be read leaves the declared default: guessing
 * at what a broken rule meant would be worse than what the code was written for.
 */
function readSwitches(rules: readonly Rule[], states: Map<string, boolean>): IgnoredRule[] {
  const ignored: IgnoredRule[] = [];
  for (const { kind, key, body } of rules) {
    if (kind !== 'switch') {
      ignored.push({ kind, key, reason: 'this release does not know the kind' });
      continue;
    }
    const parsed = switchBody.safeParse(body);
    if (parsed.success) states.set(key, parsed.data.on);
    else ignored.push({ kind, key, reason: 'its body is not that of a switch: the default holds' });
  }
  return ignored;
}

function entryState(
  entry: string,
  declared: readonly SwitchDeclaration[],
  states: ReadonlyMap<string, boolean>,
  metrics: Metrics,
): EntryState {
  // All are asked for here and so count from 0: the first refusal of an entry that was just closed shows in its rate.
  const open: EntryState = {
    answer: PASS,
    decided: metrics.counter('guardDecisions', { entry, outcome: 'allowed', rule: '' }),
  };
  const closing = declared
    .filter(({ closes }) => closes.includes(entry))
    .map(({ key: rule, retryAfterMs }): EntryState & { readonly on: boolean } => ({
      on: states.get(rule) !== false,
      answer: Object.freeze({ allowed: false, code: 'switched_off', rule, retryAfterMs }),
      decided: metrics.counter('guardDecisions', { entry, outcome: 'switched_off', rule }),
    }));
  return closing.find(({ on }) => !on) ?? open;
}
