import { type Node, type ParseError, parseTree } from 'jsonc-parser';
import { ok, RefusalError, type Result, refuse } from '../kernel/errors.ts';

/**
 * A number as its author wrote it. JSON.parse would make 79.005 and 5e1 into floats before anybody could look at their
 * digits; prices are read from this text instead.
 */
export class NumberText {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** Far deeper than a product is. */
const MAX_DEPTH = 12;

/**
 * JSON with comments to plain values, numbers as `NumberText`. A member given twice is refused, because which of the two
 * counts would be an accident.
 *
 * Refuses: `malformed_json` with line and column; `invalid_request` (twice, too deep).
 */
export function parseCommentedJson(text: string): Result<unknown> {
  const errors: ParseError[] = [];
  let root: Node | undefined;
  try {
    root = parseTree(text, errors, { disallowComments: false, allowTrailingComma: false, allowEmptyContent: false });
  } catch {
    return refuse('malformed_json', 'The product is nested too deeply.');
  }
  const [error] = errors;
  if (error !== undefined || root === undefined) {
    return refuse('malformed_json', `The product is not JSON: ${placeOf(text, error?.offset ?? text.length)}.`);
  }
  try {
    return ok(plain(root, text, []));
  } catch (refused) {
    if (refused instanceof RefusalError) return refused.refusal;
    throw refused;
  }
}

function placeOf(text: string, offset: number): string {
  const before = text.slice(0, offset);
  return `line ${before.split('\n').length}, column ${offset - before.lastIndexOf('\n')}`;
}

function plain(node: Node, text: string, path: readonly (string | number)[]): unknown {
  if (path.length > MAX_DEPTH) throw refused(path, `must not be nested deeper than ${MAX_DEPTH}`);
  switch (node.type) {
    case 'object':
      return objectOf(node, text, path);
    case 'array':
      return (node.children ?? []).map((child, i) => plain(child, text, [...path, i]));
    case 'number':
      return new NumberText(text.slice(node.offset, node.offset + node.length));
    default:
      return node.value;
  }
}

function objectOf(node: Node, text: string, path: readonly (string | number)[]): Record<string, unknown> {
  const members = new Map<string, unknown>();
  for (const property of node.children ?? []) {
    const [key, value] = property.children ?? [];
    if (key === undefined || value === undefined) continue;
    const name = String(key.value);
    if (members.has(name)) throw refused([...path, name], 'is given twice');
    members.set(name, plain(value, text, [...path, name]));
  }
  return Object.fromEntries(members);
}

function refused(path: readonly (string | number)[], message: string): RefusalError {
  const where = path.join('.').slice(0, 200);
  return new RefusalError(
    refuse('invalid_request', `The product does not fit: ${where} ${message}.`, { errors: [{ path: where, message }] }),
  );
}
