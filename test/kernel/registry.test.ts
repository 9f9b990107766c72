import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { loadRegistry } from '../../core/kernel/registry.ts';

const folders: string[] = [];
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true });
});

async function folderOf(files: Record<string, string>): Promise<URL> {
  const folder = await mkdtemp(join(tmpdir(), 'registry-'));
  folders.push(folder);
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return pathToFileURL(`${folder}/`);
}

it('finds each file by its name, in order, and nothing else', async () => {
  const folder = await folderOf({
    'b.ts': `export default { id: 'b', n: 2 };`,
    'a.ts': `export default { id: 'a', n: 1 };`,
    'README.md': 'not an entry',
  });
  const entries = await loadRegistry<{ id: string; n: number }>(folder);
  expect([...entries]).toEqual([
    ['a', { id: 'a', n: 1 }],
    ['b', { id: 'b', n: 2 }],
  ]);
});

it.each([
  ['another id', `export default { id: 'other' };`],
  ['no default', `export const entry = { id: 'a' };`],
])('refuses a file with %s', async (_what, text) => {
  const folder = await folderOf({ 'a.ts': text });
  await expect(loadRegistry(folder)).rejects.toThrow('a.ts must export the entry "a" as its default');
});
