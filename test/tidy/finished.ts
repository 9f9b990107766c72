import { isTest, type Papers } from './house.ts';
import type { Offence } from './offence.ts';
import { accessOf, lineOf, type Source, ts, visit } from './syntax.ts';

/** Words of work that is not done. A house has no scaffolding: what is not there yet is an issue, not a remark. */
const WORDS: readonly RegExp[] = [
  /\b(TODO|FIXME|HACK|TBD)\b/,
  /\bnot (yet )?implemented\b/i,
  /\bplaceholders?\b/i,
  /\bfor now\b/i,
  /\bsimplified\b(?! chinese)/i,
  /\bin a real (system|implementation|application|project)\b/i,
  /\bcoming soon\b/i,
  /待实现|暂未实现|暂不支持/,
];

/** Files whose words are not ours, and the two that must name what they forbid. */
const FOREIGN = /^package-lock\.json$|\.csv$|\/migrations\/meta\/|^test\/tidy\/finished(\.test)?\.ts$/;

const DOUBT_WHY = 'the house is in use while this stands here, and nobody will come back for it';
const DOUBT_MEND = 'finish it, or take it out and file an issue';

/** Unfinished words in any file: code, prose, SQL, scripts. */
export function findUnfinishedWords(papers: Papers): Offence[] {
  const offences: Offence[] = [];
  for (const [path, text] of papers) {
    if (FOREIGN.test(path)) continue;
    for (const [at, line] of text.split('\n').entries()) {
      const word = WORDS.map((pattern) => pattern.exec(line)?.[0]).find((found) => found !== undefined);
      if (word === undefined) continue;
      offences.push({ path, line: at + 1, what: `"${word}"`, why: DOUBT_WHY, mend: DOUBT_MEND });
    }
  }
  return offences;
}

/** Remarks that switch a tool off, and the mark `XXX` (as a code, of ISO 4217 say, it stands between quotes or ticks). */
export function findForbiddenComments(sources: readonly Source[]): Offence[] {
  return sources.flatMap(({ path, comments }) =>
    comments.flatMap(({ line, text }): Offence[] => {
      const bare = text.replace(/`[^`]*`|'[^']*'|"[^"]*"/g, '');
      if (/\bXXX\b/.test(bare)) return [{ path, line, what: '"XXX"', why: DOUBT_WHY, mend: DOUBT_MEND }];
      const off = /@ts-(ignore|expect-error|nocheck)|\b(eslint|oxlint|prettier)-|\bbiome-ignore-(all|start)\b/.exec(
        text,
      );
      if (off === null) return [];
      const why = 'what the checker may not look at is not checked, now or after the next change';
      return [{ path, line, what: off[0], why, mend: 'give the value its real type, or narrow it with a check' }];
    }),
  );
}

/** Functions that make a test, by the name they are called under. */
const TEST_MAKERS = new Set(['it', 'test', 'describe', 'suite', 'bench']);
const SETS_ASIDE = new Set(['only', 'skip', 'todo', 'fails']);

/** Tests that are set aside, and mocks in place of what is tested. */
export function findTestsSetAside(sources: readonly Source[]): Offence[] {
  return sources
    .filter(({ path }) => isTest(path))
    .flatMap((source) => {
      const offences: Offence[] = [];
      const add = (node: ts.Node, what: string, why: string, mend: string) =>
        offences.push({ path: source.path, line: lineOf(source.root, node), what, why, mend });
      visit(source.root, (node) => {
        const aside = setAside(node);
        if (aside !== undefined)
          add(
            node,
            aside,
            'a test that does not run proves nothing, and hides that it does not',
            'run it, or delete it',
          );
        const access = accessOf(node);
        if (
          access !== undefined &&
          ts.isIdentifier(access.owner) &&
          access.owner.text === 'vi' &&
          /mock/i.test(access.name)
        )
          add(
            node,
            `vi.${access.name}`,
            'a mock answers as its author thinks, not as the thing does',
            'use the real one; fakes are for the clock, chance and the outside world, and are handed in',
          );
      });
      return offences;
    });
}

function setAside(node: ts.Node): string | undefined {
  const access = accessOf(node);
  if (access !== undefined && SETS_ASIDE.has(access.name) && makerOf(access.owner) !== undefined)
    return `${makerOf(access.owner)}.${access.name}`;
  if (!ts.isPropertyAssignment(node) && !ts.isShorthandPropertyAssignment(node)) return undefined;
  const name = ts.isIdentifier(node.name) ? node.name.text : '';
  const call = node.parent.parent;
  if (!SETS_ASIDE.has(name) || !ts.isCallExpression(call) || makerOf(call.expression) === undefined) return undefined;
  return `{ ${name} } of ${makerOf(call.expression)}`;
}

/** `test` of `test`, `test.concurrent`, `describe.each(rows)`. */
function makerOf(node: ts.Node): string | undefined {
  if (ts.isIdentifier(node)) return TEST_MAKERS.has(node.text) ? node.text : undefined;
  if (ts.isCallExpression(node)) return makerOf(node.expression);
  const access = accessOf(node);
  return access === undefined ? undefined : makerOf(access.owner);
}
