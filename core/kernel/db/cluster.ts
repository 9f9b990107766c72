import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { type Account, give, reachable } from './binaries.ts';

/** Making the cluster of the embedded database: its folder, its roles, its settings. `embedded.ts` runs it. */
const run = promisify(execFile);
const SECRETS = 'tidegate-secrets.json';

export interface Secrets {
  readonly admin: string;
  readonly owner: string;
  readonly app: string;
}

export class ClusterUnreadable extends Error {
  readonly exitCode = 4;
  constructor(directory: string) {
    super(
      `${directory} holds a database, but not its ${SECRETS}; put that file back, or move the folder away to begin with an empty one`,
    );
    this.name = 'ClusterUnreadable';
  }
}

/** Under an unreachable data folder the cluster lies in /var/tmp, and a note says so. */
export async function clusterDirectory(dataDir: string, account: Account | null): Promise<string> {
  const note = join(dataDir, 'postgres-is-at.txt');
  // The note stands, even when the folder has become reachable since: the data is there.
  const noted = ((await readIfThere(note)) ?? '').trim();
  if (noted !== '') return noted;
  const inside = join(resolve(dataDir), 'postgres');
  if (account === null || (await reachable(resolve(dataDir), account))) return inside;
  const parent = await mkdtemp('/var/tmp/tidegate-');
  await give(parent, account);
  await writeFile(note, `${join(parent, 'postgres')}\n`);
  return join(parent, 'postgres');
}

/**
 * The secrets of the cluster in `directory`, which is made when there is none: whole or not at all.
 *
 * Throws `ClusterUnreadable` for a cluster without its secrets: it is never taken for an empty folder.
 */
export async function ensureCluster(
  binaries: string,
  directory: string,
  account: Account | null,
  tuning: 'durable' | 'throwaway',
): Promise<Secrets> {
  const kept = await readIfThere(join(directory, SECRETS));
  if (kept !== null) return JSON.parse(kept) as Secrets;
  if ((await readIfThere(join(directory, 'PG_VERSION'))) !== null) throw new ClusterUnreadable(directory);
  // The name is this run's own, because what a killed run had started may still be writing into its.
  await removeHalfMade(directory);
  const making = `${directory}.making-${process.pid}`;
  await mkdir(making, { recursive: true, mode: 0o700 });
  await give(making, account);
  const secrets: Secrets = { admin: secret(), owner: secret(), app: secret() };
  const passwordFile = `${directory}.password`;
  await writeFile(passwordFile, secrets.admin, { mode: 0o600 });
  await give(passwordFile, account);
  try {
    const args = ['-D', making, '--encoding=UTF8', '--locale=C.UTF-8', '--username=postgres', '--auth=scram-sha-256'];
    await run(join(binaries, 'bin', 'initdb'), [...args, `--pwfile=${passwordFile}`, '--no-sync'], as(account));
  } finally {
    await rm(passwordFile, { force: true });
  }
  await writeFile(join(making, 'postgresql.auto.conf'), settings(tuning));
  await firstBoot(binaries, making, secrets, account);
  await writeFile(join(making, SECRETS), JSON.stringify(secrets), { mode: 0o600 });
  await rm(directory, { recursive: true, force: true });
  await rename(making, directory);
  return secrets;
}

/** Null when there is none; any other reason not to read it is no proof that it is not there. */
async function readIfThere(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

async function removeHalfMade(directory: string): Promise<void> {
  const parent = dirname(directory);
  const isHalfMade = (name: string): boolean => name.startsWith(`${basename(directory)}.making`);
  for (const name of (await readdir(parent)).filter(isHalfMade)) {
    // What is still written to cannot be removed now; the next start that makes one tries again.
    await rm(join(parent, name), { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined);
  }
}

/** Makes the two roles and the database with the server in single-user mode: no port, no password, no waiting. */
async function firstBoot(
  binaries: string,
  directory: string,
  secrets: Secrets,
  account: Account | null,
): Promise<void> {
  const statements = [
    `CREATE ROLE tidegate_owner LOGIN PASSWORD '${secrets.owner}'`,
    `CREATE ROLE tidegate_app LOGIN PASSWORD '${secrets.app}'`,
    'CREATE DATABASE tidegate OWNER tidegate_owner',
    'REVOKE ALL ON DATABASE tidegate FROM PUBLIC',
    'GRANT CONNECT ON DATABASE tidegate TO tidegate_app',
  ];
  const child = spawn(join(binaries, 'bin', 'postgres'), ['--single', '-D', directory, 'postgres'], {
    ...as(account),
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-2_000);
  });
  child.stdin.end(`${statements.join('\n')}\n`);
  const code = await new Promise<number | null>((done, fail) => child.once('error', fail).once('close', done));
  if (code !== 0 || /ERROR|FATAL/.test(errors)) throw new Error(`the embedded database could not be made: ${errors}`);
}

function settings(tuning: 'durable' | 'throwaway'): string {
  const common = [
    "listen_addresses = '127.0.0.1'",
    "unix_socket_directories = ''",
    'max_connections = 200',
    "timezone = 'UTC'",
    "log_timezone = 'UTC'",
    "shared_buffers = '256MB'",
    'jit = off',
    "log_min_messages = 'warning'",
  ];
  const durable = ["max_wal_size = '2GB'", "checkpoint_timeout = '15min'", "wal_compression = 'on'"];
  const throwaway = [
    'fsync = off',
    'synchronous_commit = off',
    'full_page_writes = off',
    "max_wal_size = '2GB'",
    'autovacuum_naptime = 5',
  ];
  return `${[...common, ...(tuning === 'durable' ? durable : throwaway)].join('\n')}\n`;
}

/** How programs of PostgreSQL are started. */
export function as(account: Account | null): { cwd: string; uid?: number; gid?: number; env: Record<string, string> } {
  // A clean environment: PGDATA, PGPORT and LANG of the caller must not reach the server.
  return { cwd: '/', env: { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8' }, ...(account ?? {}) };
}

/** Letters and digits only: it travels inside a URL and an SQL literal. */
function secret(): string {
  return randomBytes(24).toString('hex');
}
