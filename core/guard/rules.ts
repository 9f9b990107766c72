import { canonicalJson, sha256 } from '../kernel/canonical.ts';

/**
 * One rule as control publishes it. Everything that the rule means is in its body; the body's shape belongs to its kind.
 * Kinds and members that this release does not know are kept as they are, because the hash covers them.
 */
export interface Rule {
  readonly kind: string;
  readonly key: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** What names a rule. */
export interface RuleName {
  readonly kind: string;
  readonly key: string;
}

/** All rules at one revision. `epoch` names the history that the revision number counts in. */
export interface RuleSet {
  readonly epoch: string;
  readonly revision: number;
  /** `hashRules(rules)`: what every instance must arrive at. */
  readonly hash: string;
  readonly rules: readonly Rule[];
}

export const MAX_RULES = 10_000;

function compareNames(a: RuleName, b: RuleName): number {
  if (a.kind !== b.kind) return a.kind < b.kind ? -1 : 1;
  if (a.key === b.key) return 0;
  return a.key < b.key ? -1 : 1;
}

/** Rules in their one order: by kind, then by key. */
export function sortRules(rules: readonly Rule[]): Rule[] {
  return [...rules].sort(compareNames);
}

/** The digest of a rule set: the same for the same rules, whatever order and spacing they came in. */
export function hashRules(rules: readonly Rule[]): string {
  return sha256(canonicalJson(sortRules(rules).map(({ kind, key, body }) => ({ kind, key, body }))));
}

function nameOf({ kind, key }: RuleName): string {
  return `${kind}\0${key}`;
}

/** The rules after a change. A removed name that is not there changes nothing: the hash tells whether that was right. */
export function applyChange(
  rules: readonly Rule[],
  changed: readonly Rule[],
  removed: readonly RuleName[] = [],
): readonly Rule[] {
  const byName = new Map(rules.map((rule) => [nameOf(rule), rule]));
  for (const name of removed) byName.delete(nameOf(name));
  for (const rule of changed) byName.set(nameOf(rule), rule);
  return sortRules([...byName.values()]);
}
