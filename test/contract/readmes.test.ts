import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { VARIABLE_NAMES } from '../../core/kernel/config.ts';

/* Every room says what lives in it, and what it says of its files is so. */
const ROOT = join(import.meta.dirname, '../..');
const HOUSES = ['core', 'control', 'reconcile', 'test'];
/** Registries of small files: their room speaks for them. */
const NO_ROOM = /^(fixtures|migrations|meta|demo|types|channels|plants)$/;

async function roomsOf(house: string): Promise<string[]> {
  if (!existsSync(join(ROOT, house))) return [];
  const entries = await readdir(join(ROOT, house), { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory() && !NO_ROOM.test(entry.name))
    .map(({ name }) => `${house}/${name}`);
}

async function readmesOf(): Promise<string[]> {
  const found: string[] = existsSync(join(ROOT, 'README.md')) ? ['README.md'] : [];
  for (const house of [...HOUSES, 'tui', 'dashboards', 'runbooks']) {
    if (!existsSync(join(ROOT, house))) continue;
    const files = await readdir(join(ROOT, house), { recursive: true });
    found.push(...files.filter((file) => file.endsWith('README.md')).map((file) => `${house}/${file}`));
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

describe('the rooms', async () => {
  const tested = new Set(['test/contract', 'test/scenario', 'test/support', 'test/data', 'test/bench']);
  const rooms = (await Promise.all(HOUSES.map(roomsOf))).flat();
  const readmes = await readmesOf();

  // What mirrors a room of the house needs no words of its own.
  test.each(rooms.filter((room) => !room.startsWith('test/') || tested.has(room)))('%s has a README', (room) => {
    expect(readmes).toContain(`${room}/README.md`);
  });

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
