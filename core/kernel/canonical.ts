import { hash } from 'node:crypto';

/**
 * JSON that is the same text for the same value on every machine: members sorted by UTF-16 code units, no spaces,
 * numbers as JavaScript writes them. Both sides of the rule stream hash this text, so it must not depend on who built
 * the object. Source: RFC 8785.
 *
 * Throws for what JSON cannot say: a number that is not finite, `undefined` inside an array, a cycle too deep.
 */
export function canonicalJson(value: unknown, depth = 0): string {
  if (depth > MAX_DEPTH) throw new Error(`broken invariant: a rule is nested deeper than ${MAX_DEPTH}`);
  if (typeof value === 'number' && !Number.isFinite(value)) throw new Error(`broken invariant: ${value} is not JSON`);
  if (value === null || typeof value !== 'object') {
    const text = JSON.stringify(value);
    if (text === undefined) throw new Error(`broken invariant: ${typeof value} is not JSON`);
    return text;
  }
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item, depth + 1)).join(',')}]`;
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member, depth + 1)}`);
  return `{${members.join(',')}}`;
}

const MAX_DEPTH = 64;

/** SHA-256 of a text, 64 hex digits. */
export function sha256(text: string): string {
  return hash('sha256', text, 'hex');
}
