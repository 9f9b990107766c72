import { isCode, isTest, type Papers } from './house.ts';
import type { Offence } from './offence.ts';
import { heightOf, lineOf, type Source, ts, visit } from './syntax.ts';

/** Lines of a file, and of a function: from the first number on a warning, from beyond the second a failure. */
const FILE = { warn: 300, fail: 400 };
const FUNCTION = { warn: 70, fail: 100 };

/**
 * Tables are as long as what they list; splitting one hides half of it. They are known by their names: the state tables,
 * the tables of the database, and what is generated. Hand-written SQL, JSON and prose have no limit.
 */
const TABLES = /\.machine\.ts$|\.gen\.ts$|^core\/schema\/|^core\/sandbox\/schema\.ts$/;

export interface Sizes {
  readonly warnings: readonly Offence[];
  readonly offences: readonly Offence[];
}

export function measure(papers: Papers, sources: readonly Source[]): Sizes {
  const warnings: Offence[] = [];
  const offences: Offence[] = [];
  for (const [path, text] of papers) {
    if (!isCode(path) || TABLES.test(path)) continue;
    const lines = text.replace(/\n$/, '').split('\n').length;
    if (lines <= FILE.warn) continue;
    (lines > FILE.fail ? offences : warnings).push({
      path,
      line: 1,
      what: `${lines} lines in one file`,
      why: `a file holds one thing that is read in one sitting: ${FILE.warn} lines is much, ${FILE.fail} the end`,
      mend: isTest(path)
        ? 'split it by what is tested; what both parts need goes to a support file'
        : 'move one of the things it does into a file named after that thing',
    });
  }
  for (const source of sources) {
    if (TABLES.test(source.path)) continue;
    visit(source.root, (node) => {
      if (!ts.isFunctionLikeDeclaration(node) || isSuite(node)) return;
      const lines = heightOf(source.root, node);
      if (lines <= FUNCTION.warn) return;
      (lines > FUNCTION.fail ? offences : warnings).push({
        path: source.path,
        line: lineOf(source.root, node),
        what: `${lines} lines in ${nameOf(node)}`,
        why: `a function fits on one screen: ${FUNCTION.warn} lines is much, ${FUNCTION.fail} the end`,
        mend: 'give one of its steps a name and move it out',
      });
    });
  }
  return { warnings, offences };
}

/** The body of a `describe` is a list of tests, not a function that anybody reads as one. */
function isSuite(node: ts.Node): boolean {
  const call = node.parent;
  if (!ts.isCallExpression(call)) return false;
  return call.getText().startsWith('describe');
}

function nameOf(node: ts.Node): string {
  if ('name' in node && isNamed(node.name)) return node.name.text;
  const { parent } = node;
  if ((ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent)) && isNamed(parent.name))
    return parent.name.text;
  return ts.isConstructorDeclaration(node) ? 'a constructor' : 'a function without a name';
}

function isNamed(name: unknown): name is { readonly text: string } {
  return typeof name === 'object' && name !== null && 'text' in name && typeof name.text === 'string';
}
