import type { Papers } from './house.ts';
import type { Offence } from './offence.ts';
import { parse, type Source } from './syntax.ts';

/*
 * Plants for the tests of the rules: small files that exist in memory only, given to the very functions that look at the
 * house.
 */
export type Files = Readonly<Record<string, string>>;

export function sourcesOf(files: Files): Source[] {
  return parse(new Map(Object.entries(files)));
}

export function papersOf(files: Files): Papers {
  return new Map(Object.entries(files));
}

/** `path:line what` of each offence. */
export function placesOf(offences: readonly Offence[]): string[] {
  return offences.map(({ path, line, what }) => `${path}:${line} ${what}`);
}
