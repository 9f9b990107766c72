import { isTest } from './house.ts';
import type { Offence } from './offence.ts';
import { accessOf, lineOf, type Source, ts, visit } from './syntax.ts';

/**
 * Where a library's own types cannot say what is true, and a cast through `unknown` is the only way to tell the checker.
 * Each file once, with its reason; one that needs it no longer is an offence of its own.
 */
const THROUGH_UNKNOWN: Readonly<Record<string, string>> = {
  'core/kernel/db/batch.ts': 'pg’s type of a submittable names its whole connection, which nobody outside of pg has',
  'core/kernel/http/body.ts': 'hono keeps the promise of a text where its type has the text',
  'core/kernel/http/route.ts': 'the responses that every route has are added after hono has read its type',
  'core/sandbox/edge.ts': 'the 404 of an unknown record is documented in prose, not as a type of answer',
};

/** Places where the types say less than the truth: `any`, casts that cannot fail, `!`; and `console`. */
export function findDishonesty(sources: readonly Source[]): Offence[] {
  return sources.flatMap(dishonestyOf);
}

function dishonestyOf(source: Source): Offence[] {
  const { path, root } = source;
  const offences: Offence[] = [];
  const reason = THROUGH_UNKNOWN[path];
  let excused = false;
  visit(root, (node) => {
    const fault = faultOf(node);
    if (fault === undefined) return;
    if (reason !== undefined && fault.what === 'as unknown as') excused = true;
    else offences.push({ path, line: lineOf(root, node), ...fault });
  });
  if (reason !== undefined && !excused) {
    const why = `the reason was: ${reason}`;
    offences.push({ path, line: 1, what: 'an excuse that is no longer needed', why, mend: 'strike it in honest.ts' });
  }
  return offences;
}

type Fault = Pick<Offence, 'what' | 'why' | 'mend'>;

const LIE = 'the checker believes it, so the error comes at night and elsewhere';

function faultOf(node: ts.Node): Fault | undefined {
  if (node.kind === ts.SyntaxKind.AnyKeyword)
    return { what: '`any`', why: LIE, mend: 'use `unknown` and narrow it, or name the real type' };
  if (ts.isNonNullExpression(node))
    return { what: 'non-null `!`', why: LIE, mend: 'use `must(value, what)`, or handle the missing value' };
  if (ts.isTypeAssertion(node)) return { what: 'a cast in angle brackets', why: LIE, mend: 'narrow it with a check' };
  if (ts.isAsExpression(node)) return castOf(node);
  const access = accessOf(node);
  if (access !== undefined && ts.isIdentifier(access.owner) && access.owner.text === 'console')
    return {
      what: `console.${access.name}`,
      why: 'a line that is no JSON of the log cannot be searched, and breaks the terminal’s screen',
      mend: 'use the logger that was handed in; a command prints with process.stdout',
    };
  return undefined;
}

function castOf({ expression, type }: ts.AsExpression): Fault | undefined {
  const mend = 'read it with zod, narrow it with a check, or give its source the real type';
  if (type.kind === ts.SyntaxKind.NeverKeyword) return { what: 'as never', why: LIE, mend };
  const inner = ts.isParenthesizedExpression(expression) ? expression.expression : expression;
  if (ts.isAsExpression(inner) && inner.type.kind === ts.SyntaxKind.UnknownKeyword)
    return { what: 'as unknown as', why: LIE, mend };
  return undefined;
}

/** The test of sleeping itself. */
const OF_SLEEP = 'test/kernel/clock.test.ts';

/** Waiting for a time instead of for something: in a test that is slow when all is well, and wrong when it is not. */
export function findSleeps(sources: readonly Source[]): Offence[] {
  return sources
    .filter(({ path }) => isTest(path) && path !== OF_SLEEP)
    .flatMap(({ path, root }) => {
      const offences: Offence[] = [];
      visit(root, (node) => {
        if (!ts.isCallExpression(node)) return;
        const what = sleepOf(node);
        if (what === undefined) return;
        const why = 'it waits as long on a fast machine, and too short on a slow one';
        const mend = 'wait for what you wait for with `eventually`, or move a virtual clock';
        offences.push({ path, line: lineOf(root, node), what, why, mend });
      });
      return offences;
    });
}

function sleepOf({ expression, arguments: given }: ts.CallExpression): string | undefined {
  const name = ts.isIdentifier(expression) ? expression.text : (accessOf(expression)?.name ?? '');
  const [first] = given;
  if (first === undefined) return undefined;
  if (/^(sleep|delay|wait|pause)$/.test(name) && isFixed(first)) return `${name}(${first.getText()})`;
  // Polling until a time has passed is a sleep in disguise.
  if (/^(eventually|poll|waitFor|waitUntil)$/.test(name) && readsClock(first))
    return `${name}(…) that waits for a clock`;
  return undefined;
}

function isFixed(node: ts.Node): boolean {
  return ts.isNumericLiteral(node) || (ts.isBinaryExpression(node) && isFixed(node.left) && isFixed(node.right));
}

function readsClock(node: ts.Node): boolean {
  let found = false;
  visit(node, (inner) => {
    const access = accessOf(inner);
    if (access?.name === 'now' && ts.isIdentifier(access.owner) && /^(performance|Date)$/.test(access.owner.text))
      found = true;
    if (ts.isIdentifier(inner) && inner.text === 'monotonicMs') found = true;
  });
  return found;
}
