import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { parse, type Source } from './syntax.ts';

export const ROOT = join(import.meta.dirname, '../..');

/** Every file of the house by path from its root, with its text; files that hold no text are left out. */
export type Papers = ReadonlyMap<string, string>;

/** Whatever git has, or would have after `git add .`: what is ignored is no part of the house. */
export function readPapers(root: string): Papers {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  const papers = new Map<string, string>();
  for (const path of [...new Set(listed.split('\0'))].filter((entry) => entry !== '').sort()) {
    const text = readText(join(root, path));
    if (text !== undefined) papers.set(path, text);
  }
  return papers;
}

/** Undefined for a file that is gone from the work tree, and for one that is no text. */
function readText(path: string): string | undefined {
  try {
    const text = readFileSync(path, 'utf8');
    return text.includes('\0') ? undefined : text;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

export function readSources(papers: Papers): Source[] {
  return parse(new Map([...papers].filter(([path]) => isCode(path))));
}

export function isCode(path: string): boolean {
  return extname(path) === '.ts' || extname(path) === '.tsx';
}

export function isTest(path: string): boolean {
  return path.startsWith('test/');
}
