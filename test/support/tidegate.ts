import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { System } from './system.ts';

/** Runs the command line as a person would: as a process of its own, with nothing but the environment given. */
const ROOT = join(import.meta.dirname, '..', '..');

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

export function start(args: readonly string[], env: Readonly<Record<string, string>>): Running {
  const child = spawn(process.execPath, ['--import', 'tsx', join(ROOT, 'tui/commands/main.ts'), ...args], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      said[name] += text;
    });
  const ended = new Promise<Ended>((done, fail) => {
    child.once('error', fail);
    child.once('close', (code) => done({ code, ...said }));
  });
  return { child, ended };
}

export function tidegate(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Ended> {
  return start(args, env).ended;
}

/** What a person who started the system with `npm start` has: its addresses and the folder with its tokens. */
export async function environmentOf(system: System): Promise<Readonly<Record<string, string>>> {
  await writeFile(join(system.dataDir, 'tokens.json'), JSON.stringify(system.tokens));
  return {
    TIDEGATE_DATA_DIR: system.dataDir,
    TIDEGATE_CORE_URL: system.one('core').url,
    TIDEGATE_CONTROL_URL: system.one('control').url,
    TIDEGATE_SANDBOX_URL: system.one('sandbox').url,
  };
}

/** A folder that goes away with its test. */
export async function scratch(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp('/var/tmp/tidegate-test-');
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
