import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadRepairs } from '../../reconcile/repair.ts';

test('every repair has been tried by a test of this folder', async () => {
  const files = (await readdir(import.meta.dirname)).filter((file) => file.endsWith('.test.ts'));
  const texts = await Promise.all(files.map((file) => readFile(join(import.meta.dirname, file), 'utf8')));
  const untried = (await loadRepairs()).filter(({ id }) => !texts.some((text) => text.includes(`'${id}'`)));
  expect(untried.map(({ id }) => id)).toEqual([]);
});
