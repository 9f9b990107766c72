import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadChecks } from '../../reconcile/check.ts';
import { anyIsWorst, byRows, bySize } from '../../reconcile/findings/tiers.ts';

const FOLDER = join(import.meta.dirname, '../../runbooks');
const HEADINGS = ['## What it means', '## Impact', '## How to look', '## What to do'];
const RULES = new Map([
  [bySize, 'by-size'],
  [byRows, 'by-rows'],
  [anyIsWorst, 'any-is-worst'],
]);

/** `paid-iff-posted` → `TidegatePaidIffPosted`: an alert's link to its runbook is derived, never typed. */
function alertOf(id: string): string {
  return `Tidegate${id.replace(/(?:^|-)([a-z0-9])/g, (_, first: string) => first.toUpperCase())}`;
}

function frontOf(text: string): Record<string, string> {
  const [, front = ''] = text.split('---\n');
  return Object.fromEntries(
    front
      .trim()
      .split('\n')
      .map((line) => line.split(/: (.*)/).slice(0, 2)),
  );
}

describe('the runbooks', async () => {
  const files = (await readdir(FOLDER)).filter((file) => file.endsWith('.md') && file !== 'README.md');
  const checks = new Map((await loadChecks()).map((check) => [check.id, check]));

  test('there is one for every check', () => {
    expect(files).toEqual(expect.arrayContaining([...checks.keys()].map((id) => `${id}.md`)));
  });

  test.each(files)('%s says who it is, in the four parts, with commands', async (file) => {
    const text = await readFile(join(FOLDER, file), 'utf8');
    const id = file.slice(0, -'.md'.length);
    const check = checks.get(id);
    const severity = check === undefined ? expect.stringMatching(/^by-(size|rows)$/) : RULES.get(check.severity);
    expect(frontOf(text)).toEqual({ id, alert: alertOf(id), severity });
    expect(text.split('\n').filter((line) => line.startsWith('## '))).toEqual(HEADINGS);
    expect(text).toContain('```bash\n');
  });

  test.each([...files, 'README.md'])('%s links to files that are there', async (file) => {
    const text = await readFile(join(FOLDER, file), 'utf8');
    const links = [...text.matchAll(/\]\(([^)#]+)\)/g)].map(([, link]) => link ?? '');
    for (const link of links) await expect(readFile(join(FOLDER, link), 'utf8')).resolves.toContain('# ');
  });
});
