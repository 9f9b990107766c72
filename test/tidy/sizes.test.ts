import { describe, expect, it } from 'vitest';
import { type Files, papersOf, placesOf, sourcesOf } from './plant.ts';
import { measure } from './sizes.ts';

const linesOf = (count: number, line = 'let x;'): string => `${line}\n`.repeat(count);
/** A function that stands on so many lines. */
const functionOf = (lines: number): string => `function long() {\n${linesOf(lines - 2)}}\n`;

function measured(files: Files) {
  const { warnings, offences } = measure(papersOf(files), sourcesOf(files));
  return { warnings: placesOf(warnings), offences: placesOf(offences) };
}

describe('a file', () => {
  it.each([
    [300, [], []],
    [301, ['core/a/b.ts:1 301 lines in one file'], []],
    [400, ['core/a/b.ts:1 400 lines in one file'], []],
    [401, [], ['core/a/b.ts:1 401 lines in one file']],
  ])('of %d lines', (lines, warnings, offences) => {
    expect(measured({ 'core/a/b.ts': linesOf(lines) })).toEqual({ warnings, offences });
  });

  it('of tests is measured, too', () => {
    expect(measured({ 'test/a/b.test.ts': linesOf(401) }).offences).toHaveLength(1);
  });

  it.each(['core/orders/orders.machine.ts', 'core/schema/orders.ts', 'core/sandbox/schema.ts', 'dashboards/x.gen.ts'])(
    'that is a table (%s) is as long as what it lists',
    (path) => {
      expect(measured({ [path]: linesOf(2_000) + functionOf(200) })).toEqual({ warnings: [], offences: [] });
    },
  );

  it('of prose or data has no limit', () => {
    const papers = papersOf({ 'README.md': linesOf(2_000), 'core/catalog/demo.jsonc': linesOf(2_000) });
    expect(measure(papers, [])).toEqual({ warnings: [], offences: [] });
  });
});

describe('a function', () => {
  it.each([
    [70, [], []],
    [71, ['core/a/b.ts:1 71 lines in long'], []],
    [100, ['core/a/b.ts:1 100 lines in long'], []],
    [101, [], ['core/a/b.ts:1 101 lines in long']],
  ])('of %d lines', (lines, warnings, offences) => {
    expect(measured({ 'core/a/b.ts': functionOf(lines) })).toEqual({ warnings, offences });
  });

  const body = linesOf(120);
  it.each([
    ['a method', `class A {\n  run() {\n${body}  }\n}`, '2 122 lines in run'],
    ['a constructor', `class A {\n  constructor() {\n${body}  }\n}`, '2 122 lines in a constructor'],
    ['an arrow', `const run = () => {\n${body}};`, '1 122 lines in run'],
    ['a property', `const a = { run: () => {\n${body}} };`, '1 122 lines in run'],
    ['a function without a name', `call(() => {\n${body}});`, '1 122 lines in a function without a name'],
    ['a test', `it('works', () => {\n${body}});`, '1 122 lines in a function without a name'],
  ])('may be %s', (_what, code, told) => {
    expect(measured({ 'core/a/b.ts': code }).offences).toEqual([`core/a/b.ts:${told}`]);
  });

  it.each(['describe', 'describe.each(rows)'])('that is the body of %s is a list', (suite) => {
    expect(measured({ 'test/a.test.ts': `${suite}('a thing', () => {\n${body}});` }).offences).toEqual([]);
  });

  it('is counted without the comment above it', () => {
    expect(measured({ 'core/a/b.ts': `/**\n${linesOf(90, ' * word')} */\n${functionOf(60)}` }).warnings).toEqual([]);
  });
});
