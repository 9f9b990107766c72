import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readPapers } from './house.ts';
import { parse } from './syntax.ts';

it('code that is none is refused, with its place', () => {
  expect(() => parse(new Map([['core/a/b.ts', 'const = 5;']]))).toThrow('core/a/b.ts, character 6');
});

it('files of one name in two houses are two files', () => {
  const read = (text: string) => parse(new Map([['core/a/b.ts', text]]))[0]?.imports.map(({ specifier }) => specifier);
  expect(read(`import './one.ts';`)).toEqual(['./one.ts']);
  expect(read(`import './two.ts';`)).toEqual(['./two.ts']);
});

it('the house is what git has and what it would take, as text', async () => {
  const root = await mkdtemp(join(tmpdir(), 'tidy-'));
  try {
    const git = (...args: string[]) => execFileSync('git', args, { cwd: root, stdio: 'pipe' });
    git('init', '--quiet');
    const files = { '.gitignore': 'ignored.ts', 'known.ts': '1', 'new.ts': '2', 'ignored.ts': '3', 'gone.ts': '4' };
    for (const [name, text] of Object.entries(files)) await writeFile(join(root, name), text);
    await writeFile(join(root, 'picture.png'), Buffer.from([0x89, 0, 1]));
    git('add', 'known.ts', 'gone.ts');
    await rm(join(root, 'gone.ts'));
    expect([...readPapers(root)]).toEqual([
      ['.gitignore', 'ignored.ts'],
      ['known.ts', '1'],
      ['new.ts', '2'],
    ]);
  } finally {
    await rm(root, { recursive: true });
  }
});
