import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import type { TestProject } from 'vitest/node';
import { startEmbeddedPostgres } from '../../core/kernel/db/embedded.ts';
import { migrate } from '../../core/kernel/db/migrate.ts';
import { asAdmin } from './admin.ts';

export interface Cluster {
  readonly adminUrl: string;
  readonly ownerUrl: string;
  readonly appUrl: string;
  readonly template: string;
}

declare module 'vitest' {
  export interface ProvidedContext {
    cluster: Cluster;
  }
}

const ROOT = join(import.meta.dirname, '..', '..');
/** One a user: whoever came first must not keep the others out. */
const PLACE = `/var/tmp/tidegate-tests-${process.getuid?.() ?? 'user'}`;
const log = pino({ level: 'silent' });

/** One throwaway server a run, migrated once; test files clone its database as their own. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await mkdir(PLACE, { recursive: true, mode: 0o755 });
  await sweep();
  const dataDir = await mkdtemp(join(PLACE, 'run-'));
  await writeFile(join(dataDir, 'runner.pid'), String(process.pid));
  const server = await startEmbeddedPostgres({
    dataDir,
    port: 0,
    log,
    signal: new AbortController().signal,
    tuning: 'throwaway',
  });
  const sets = [
    { set: 'core', folder: join(ROOT, 'core/schema/migrations') },
    { set: 'sandbox', folder: join(ROOT, 'core/sandbox/migrations') },
  ];
  for (const { set, folder } of sets) {
    if (existsSync(join(folder, 'meta/_journal.json')))
      await migrate({ url: server.ownerUrl, appRole: 'tidegate_app', set, folder, log });
  }
  // A template takes no connections, so that a clone never has to wait for one to go.
  await asAdmin(
    server.adminUrl.replace(/\/tidegate$/, '/postgres'),
    'ALTER DATABASE tidegate WITH ALLOW_CONNECTIONS false',
  );
  const { ownerUrl, appUrl } = server;
  project.provide('cluster', {
    ownerUrl,
    appUrl,
    adminUrl: server.adminUrl.replace(/\/tidegate$/, '/postgres'),
    template: 'tidegate',
  });
  return async () => {
    await server[Symbol.asyncDispose]();
    await rm(dataDir, { recursive: true, force: true });
  };
}

/** Ends the servers and removes the folders of runs that were killed. */
async function sweep(): Promise<void> {
  for (const name of await readdir(PLACE)) {
    const dataDir = join(PLACE, name);
    const runner = Number(await readFile(join(dataDir, 'runner.pid'), 'utf8').catch(() => '0'));
    if (runner === 0 || isAlive(runner)) continue;
    const pid = Number(
      (await readFile(join(dataDir, 'postgres/postmaster.pid'), 'utf8').catch(() => '0')).split('\n')[0],
    );
    if (pid > 0 && isAlive(pid)) process.kill(pid, 'SIGQUIT');
    await rm(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
