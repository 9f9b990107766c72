import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { VARIABLE_NAMES } from '../../core/kernel/config.ts';

/* What a README says of its files is so. That every room has one is a rule of test/tidy. */
const ROOT = join(import.meta.dirname, '../..');
const HALLS = ['core', 'control', 'reconcile', 'tui', 'dashboards', 'runbooks', 'test'];

async function readmesOf(): Promise<string[]> {
  const found = ['README.md'];
  for (const hall of HALLS) {
    const files = await readdir(join(ROOT, hall), { recursive: true });
    found.push(...files.filter((file) => file.endsWith('README.md')).map((file) => `${hall}/${file}`));
  }
  return found.sort();
}

/** `file.ts` and `folder/` in the first column of a README's tables. */
function filesNamed(text: string): string[] {
  const cells = [...text.matchAll(/^\| (.+?) \|/gm)].map(([, first]) => first ?? '');
  return cells.flatMap((cell) =>
    [...cell.matchAll(/`([\w./-]+(?:\.(?:ts|tsx|md|sql|json)|\/))`/g)].map(([, name]) => name ?? ''),
  );
}

describe('the READMEs', async () => {
  const readmes = await readmesOf();

  test.each(readmes)('%s names files that are there', async (readme) => {
    const text = await readFile(join(ROOT, readme), 'utf8');
    const folder = join(ROOT, dirname(readme));
    for (const name of filesNamed(text)) {
      expect([name, existsSync(join(folder, name)) || existsSync(join(ROOT, name))]).toEqual([name, true]);
    }
  });

  test.each(readmes)('%s links to what is there', async (readme) => {
    const text = await readFile(join(ROOT, readme), 'utf8');
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map(([, link]) => link ?? '');
    for (const link of links) expect([link, existsSync(join(ROOT, dirname(readme), link))]).toEqual([link, true]);
  });

  test('the front door names every variable that is read, and no other', async () => {
    const text = await readFile(join(ROOT, 'README.md'), 'utf8');
    const [, section = ''] = text.split('## Configuration');
    const [table = ''] = section.split('\n## ');
    const rows = table.split('\n').filter((line) => line.startsWith('| `'));
    const named = rows.flatMap((row) =>
      [...(row.split('|')[1] ?? '').matchAll(/`([A-Z_]+)`/g)].map(([, name]) => name),
    );
    expect(named.sort()).toEqual([...VARIABLE_NAMES].sort());
  });
});
