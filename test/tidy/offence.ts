/** A place in the house that breaks one of its rules, told so that whoever broke it can mend it at once. */
export interface Offence {
  /** From the root of the house. */
  readonly path: string;
  /** Counted from 1. */
  readonly line: number;
  /** What stands there. */
  readonly what: string;
  /** Why the house does not want it. */
  readonly why: string;
  /** What to do about it. */
  readonly mend: string;
}

/** The offences as a text to read: by place, those of one reason together. Empty when there is none. */
export function tell(offences: readonly Offence[]): string {
  const inOrder = [...offences].sort((a, b) => (a.path === b.path ? a.line - b.line : a.path < b.path ? -1 : 1));
  const byReason = Map.groupBy(inOrder, ({ why, mend }) => `    why: ${why}\n    mend: ${mend}`);
  return [...byReason]
    .map(([reason, alike]) => [...alike.map(({ path, line, what }) => `${path}:${line}  ${what}`), reason].join('\n'))
    .join('\n');
}
