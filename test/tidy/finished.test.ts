import { describe, expect, it } from 'vitest';
import { findForbiddenComments, findTestsSetAside, findUnfinishedWords } from './finished.ts';
import { papersOf, placesOf, sourcesOf } from './plant.ts';

describe('unfinished words', () => {
  it.each([
    ['core/a/b.ts', '// TODO: refunds', 'TODO'],
    ['core/a/b.ts', '// FIXME', 'FIXME'],
    ['core/a/b.ts', 'throw new Error("not implemented");', 'not implemented'],
    ['core/a/b.ts', "throw new Error('Not yet implemented');", 'Not yet implemented'],
    ['core/a/b.ts', '/** A placeholder until the channel is there. */', 'placeholder'],
    ['core/a/b.ts', '// One warehouse for now.', 'for now'],
    ['core/a/b.ts', '// Simplified: no partial refunds.', 'Simplified'],
    ['core/a/b.ts', '// In a real system this would be a queue.', 'In a real system'],
    ['README.md', 'Alerts: coming soon.', 'coming soon'],
    ['core/schema/migrations/0001_x.sql', '-- HACK', 'HACK'],
    ['runbooks/x.md', '退款：待实现', '待实现'],
  ])('in %s: %s', (path, text, word) => {
    expect(placesOf(findUnfinishedWords(papersOf({ [path]: `one\n${text}\n` })))).toEqual([`${path}:2 "${word}"`]);
  });

  it.each([
    ['core/a/b.ts', 'const todos = r.numTodoTests;'],
    ['core/a/b.ts', '// Nobody waits for nowhere.'],
    ['core/a/b.ts', '// The unfinished connection is destroyed; a hacked one, too.'],
    ['README.md', 'In Simplified Chinese beside English.'],
    ['test/data/retail.csv', 'TODO'],
    ['package-lock.json', '"placeholder"'],
  ])('look-alikes in %s: %s', (path, text) => {
    expect(findUnfinishedWords(papersOf({ [path]: text }))).toEqual([]);
  });
});

describe('forbidden comments', () => {
  const toldOf = (code: string): string[] => placesOf(findForbiddenComments(sourcesOf({ 'core/a/b.ts': code })));

  it.each([
    ['// @ts-ignore', '@ts-ignore'],
    ['// @ts-expect-error it is fine', '@ts-expect-error'],
    ['/* @ts-nocheck */', '@ts-nocheck'],
    ['/* eslint-disable */', 'eslint-'],
    ['// biome-ignore-all lint: no', 'biome-ignore-all'],
    ['let x; // XXX', '"XXX"'],
    ['/*\n * XXX: look again\n */', '"XXX"'],
  ])('%s', (code, told) => {
    expect(toldOf(code)).toEqual([`core/a/b.ts:1 ${told}`]);
  });

  it.each([
    '/** ISO 4217; `XXX` where no money is named. */',
    "const nothing = 'XXX';",
    "const text = '// @ts-ignore';",
    `const text = \`\${a} // @ts-ignore\`;`,
    'const pattern = /\\/\\/ @ts-ignore/;',
  ])('look-alike: %s', (code) => {
    expect(toldOf(code)).toEqual([]);
  });

  it('in the markup of the terminal, where a text is no comment', () => {
    const code = 'const a = <Text>// @ts-ignore {/* XXX */}</Text>;';
    expect(placesOf(findForbiddenComments(sourcesOf({ 'tui/a.tsx': code })))).toEqual(['tui/a.tsx:1 "XXX"']);
  });
});

describe('tests that are set aside', () => {
  const toldOf = (code: string, path = 'test/a.test.ts'): string[] =>
    placesOf(findTestsSetAside(sourcesOf({ [path]: code })));

  it.each([
    [`it.only('x', run);`, 'it.only'],
    [`test.skip('x', run);`, 'test.skip'],
    [`describe.todo('x');`, 'describe.todo'],
    [`test.concurrent.only('x', run);`, 'test.only'],
    [`describe.each(rows).skip('x', run);`, 'describe.skip'],
    [`it['only']('x', run);`, 'it.only'],
    [`it.fails('x', run);`, 'it.fails'],
    [`it('x', { skip: true }, run);`, '{ skip } of it'],
    [`test.concurrent('x', { only }, run);`, '{ only } of test'],
    [`vi.mock('../core/a/b.ts');`, 'vi.mock'],
    [`vi.doMock('../core/a/b.ts');`, 'vi.doMock'],
  ])('%s', (code, told) => {
    expect(toldOf(code)).toEqual([`test/a.test.ts:1 ${told}`]);
  });

  it.each([
    `it('x', run);`,
    `it('x', ({ skip }) => missing && skip('no promtool'));`,
    'const page = rows.skip(5);',
    `find({ only: true });`,
    `it.each(rows)('x', run);`,
    `const fn = vi.fn();`,
    `const text = "it.only('x')";`,
  ])('look-alike: %s', (code) => {
    expect(toldOf(code)).toEqual([]);
  });
});
