import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { type Database, openDatabase } from '../../core/kernel/db/database.ts';
import { startEmbeddedPostgres } from '../../core/kernel/db/embedded.ts';
import { migrate } from '../../core/kernel/db/migrate.ts';
import { systemRandom } from '../../core/kernel/random.ts';
import { asAdmin } from './admin.ts';

/** A throwaway server and the migrated database in it that every test clones. */
export interface Cluster {
  readonly adminUrl: string;
  readonly ownerUrl: string;
  readonly appUrl: string;
  readonly template: string;
}

const ROOT = join(import.meta.dirname, '..', '..');
/** One a user: whoever came first must not keep the others out. */
const PLACE = `/var/tmp/tidegate-tests-${process.getuid?.() ?? 'user'}`;
export const silent = pino({ level: 'silent' });

/** Starts a server of its own, and removes what runs that were killed have left. Disposed, nothing is left of it. */
export async function startCluster(): Promise<AsyncDisposable & { readonly cluster: Cluster }> {
  await mkdir(PLACE, { recursive: true, mode: 0o755 });
  await sweep();
  const dataDir = await mkdtemp(join(PLACE, 'run-'));
  await writeFile(join(dataDir, 'runner.pid'), String(process.pid));
  const server = await startEmbeddedPostgres({
    dataDir,
    port: 0,
    log: silent,
    signal: new AbortController().signal,
    tuning: 'throwaway',
  });
  const sets = [
    { set: 'core', folder: join(ROOT, 'core/schema/migrations') },
    { set: 'sandbox', folder: join(ROOT, 'core/sandbox/migrations') },
  ];
  for (const { set, folder } of sets) {
    if (existsSync(join(folder, 'meta/_journal.json')))
      await migrate({ url: server.ownerUrl, appRole: 'tidegate_app', set, folder, log: silent });
  }
  // A template takes no connections, so that a clone never has to wait for one to go.
  await asAdmin(
    server.adminUrl.replace(/\/tidegate$/, '/postgres'),
    'ALTER DATABASE tidegate WITH ALLOW_CONNECTIONS false',
  );
  const { ownerUrl, appUrl } = server;
  return {
    cluster: { ownerUrl, appUrl, adminUrl: server.adminUrl.replace(/\/tidegate$/, '/postgres'), template: 'tidegate' },
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await rm(dataDir, { recursive: true, force: true });
    },
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

/** Where a database of its own is, and its end. */
export interface BlankDatabase extends AsyncDisposable {
  readonly ownerUrl: string;
  readonly appUrl: string;
  readonly adminUrl: string;
  readonly name: string;
}

export interface TestDatabase extends BlankDatabase {
  /** The application's role. */
  readonly db: Database;
}

/** A name that no other database of the cluster has: tests of many processes make theirs at once. */
export function freshName(): string {
  return `t_${Buffer.from(systemRandom.bytes(16)).toString('hex')}`;
}

/** A database of its own, cloned from the cluster's migrated template; dropped when disposed. */
export async function cloneDatabase(cluster: Cluster, options: { poolSize?: number } = {}): Promise<TestDatabase> {
  const made = await createDatabase(cluster, `TEMPLATE ${cluster.template} OWNER tidegate_owner STRATEGY FILE_COPY`);
  const db = await openDatabase({
    url: made.appUrl,
    poolSize: options.poolSize ?? 10,
    applicationName: 'test',
    log: silent,
  });
  return {
    ...made,
    db,
    [Symbol.asyncDispose]: async () => {
      await db[Symbol.asyncDispose]();
      await made[Symbol.asyncDispose]();
    },
  };
}

export async function createDatabase(cluster: Cluster, how: string): Promise<BlankDatabase> {
  const { adminUrl, ownerUrl, appUrl } = cluster;
  const name = freshName();
  await asAdmin(adminUrl, `CREATE DATABASE ${name} ${how}`);
  const to = (url: string): string => {
    const moved = new URL(url);
    moved.pathname = `/${name}`;
    return moved.toString();
  };
  return {
    ownerUrl: to(ownerUrl),
    appUrl: to(appUrl),
    adminUrl: to(adminUrl),
    name,
    [Symbol.asyncDispose]: () => asAdmin(adminUrl, `DROP DATABASE ${name} WITH (FORCE)`),
  };
}
