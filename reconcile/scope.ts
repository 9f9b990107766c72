import { type Fragment, raw, sql } from '../core/kernel/db/fragment.ts';

/** A place in commit order: every row up to and including it is meant. */
export interface Mark {
  readonly xid: string;
  readonly id: number;
}

/**
 * What a run looks at. `all` and `rows` are exact: they read whatever history the answer needs. `range` and `keys` are
 * what came since; their cost follows the new rows. `now` is business time.
 */
export type Scope =
  | { readonly kind: 'all'; readonly now: Date }
  /** Exactly these violating rows again, by their row keys. */
  | { readonly kind: 'rows'; readonly rows: readonly string[]; readonly now: Date }
  /** What the journal got in (after, upTo]. What it returns is a suspicion, which the engine confirms by `rows`. */
  | { readonly kind: 'range'; readonly after: Mark; readonly upTo: Mark; readonly now: Date }
  /** Pay orders, accounts, SKUs or contradicting messages that were touched. */
  | { readonly kind: 'keys'; readonly keys: readonly string[]; readonly now: Date };

/** What a run is held to by name: rows that were violating, or what was touched. `null`: not by name. */
export function namesIn(scope: Scope): readonly string[] | null {
  switch (scope.kind) {
    case 'all':
    case 'range':
      return null;
    case 'rows':
      return scope.rows;
    case 'keys':
      return scope.keys;
  }
}

/** The same, each cut before its first colon: a row key may say more than what it is about. */
export function subjectsIn(scope: Scope): readonly string[] | null {
  return namesIn(scope)?.map((name) => name.split(':', 1)[0] ?? '') ?? null;
}

/** `AND column = ANY(names)`; nothing where there are no names to hold it to. */
export function among(column: string, names: readonly string[] | null, type: 'text' | 'bigint' = 'text'): Fragment {
  return names === null ? raw('') : sql`AND ${raw(column)} = ANY(${names}${raw(`::${type}[]`)})`;
}

/** `AND` the row lies in the stretch of the journal that the scope names; nothing where it names none. */
export function within(scope: Scope, xid: string, id: string): Fragment {
  if (scope.kind !== 'range') return raw('');
  return sql`AND (${raw(xid)}, ${raw(id)}) > (${scope.after.xid}::xid8, ${scope.after.id}::bigint)
    AND (${raw(xid)}, ${raw(id)}) <= (${scope.upTo.xid}::xid8, ${scope.upTo.id}::bigint)`;
}
