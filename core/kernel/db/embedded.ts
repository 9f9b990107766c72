import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readlink, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { monotonicMs, sleep } from '../clock.ts';
import type { Logger } from '../log.ts';
import { type Account, give, locateBinaries, reachable, serverAccount } from './binaries.ts';

const run = promisify(execFile);

export interface EmbeddedOptions {
  /** The process's data folder; the cluster lies in `postgres` below it, or where the note there says. */
  readonly dataDir: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** `throwaway` gives up durability for speed: for tests only. */
  readonly tuning?: 'durable' | 'throwaway';
}

export interface EmbeddedPostgres extends AsyncDisposable {
  /** The owner migrates, the application runs, the admin is the superuser. */
  readonly ownerUrl: string;
  readonly appUrl: string;
  readonly adminUrl: string;
  readonly port: number;
  readonly pid: number;
  readonly directory: string;
  readonly binaries: string;
}

export class PostgresPortTaken extends Error {
  readonly exitCode = 3;
  constructor(port: number) {
    super(
      `port ${port} is taken, so the embedded database cannot listen there; stop what uses it, or choose other ports: PORT=${port + 1000 - 32} npm start`,
    );
    this.name = 'PostgresPortTaken';
  }
}

interface Secrets {
  readonly admin: string;
  readonly owner: string;
  readonly app: string;
}

const START_DEADLINE_MS = 20_000;

/**
 * Starts (or adopts) the PostgreSQL 18 server of a data folder. The server runs in a process group of its own, so that a
 * Ctrl-C in the terminal reaches the processes that use it before it reaches the database; it listens on 127.0.0.1 only.
 * A server that a killed run left behind is adopted; a half-made cluster is made anew.
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const account = serverAccount();
  await mkdir(options.dataDir, { recursive: true, mode: 0o755 });
  const [binaries, directory] = await Promise.all([locateBinaries(), clusterDirectory(options.dataDir, account)]);
  const secrets = await ensureCluster(binaries, directory, account, options.tuning ?? 'durable');
  const left = await runningServer(directory);
  if (left !== null) {
    options.log.info({ pid: left.pid, port: left.port }, 'adopting the database server that an earlier run left');
    return handle({ ...left, binaries, directory, secrets, account });
  }
  const port = options.port === 0 ? await freePort() : options.port;
  await demandFree(port);
  const pid = await launch(binaries, directory, port, account);
  await untilReady({ pid, port, directory, secrets, signal: options.signal });
  return handle({ pid, port, binaries, directory, secrets, account });
}

/** Under an unreachable data folder the cluster lies in /var/tmp, and a note says so. */
async function clusterDirectory(dataDir: string, account: Account | null): Promise<string> {
  const inside = join(resolve(dataDir), 'postgres');
  if (account === null || (await reachable(resolve(dataDir), account))) return inside;
  const note = join(dataDir, 'postgres-is-at.txt');
  const noted = await readFile(note, 'utf8').catch(() => '');
  if (noted.trim() !== '') return noted.trim();
  const parent = await mkdtemp('/var/tmp/tidegate-');
  await give(parent, account);
  await writeFile(note, `${join(parent, 'postgres')}\n`);
  return join(parent, 'postgres');
}

async function ensureCluster(
  binaries: string,
  directory: string,
  account: Account | null,
  tuning: 'durable' | 'throwaway',
): Promise<Secrets> {
  const secretsFile = join(directory, 'tidegate-secrets.json');
  const kept = await readFile(secretsFile, 'utf8').catch(() => null);
  if (kept !== null) return JSON.parse(kept) as Secrets;
  // A folder without its secrets is one whose making was cut short: nothing of worth can be in it.
  const making = `${directory}.making`;
  await rm(making, { recursive: true, force: true });
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
  await writeFile(join(making, 'tidegate-secrets.json'), JSON.stringify(secrets), { mode: 0o600 });
  await rm(directory, { recursive: true, force: true });
  await rename(making, directory);
  return secrets;
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

async function launch(binaries: string, directory: string, port: number, account: Account | null): Promise<number> {
  const logFile = `${directory}.log`;
  const out = openSync(logFile, 'a', 0o600);
  try {
    const child = spawn(join(binaries, 'bin', 'postgres'), ['-D', directory, '-p', String(port)], {
      ...as(account),
      detached: true,
      stdio: ['ignore', out, out],
    });
    const pid = await new Promise<number>((done, fail) => {
      child.once('error', fail);
      child.once('spawn', () => done(child.pid ?? 0));
    });
    child.unref();
    return pid;
  } finally {
    closeSync(out);
  }
}

interface Waiting {
  readonly pid: number;
  readonly port: number;
  readonly directory: string;
  readonly secrets: Secrets;
  readonly signal: AbortSignal;
}

async function untilReady({ pid, port, directory, secrets, signal }: Waiting): Promise<void> {
  const deadline = monotonicMs() + START_DEADLINE_MS;
  for (;;) {
    signal.throwIfAborted();
    const client = new pg.Client({ connectionString: urlOf('postgres', secrets.admin, port, 'postgres') });
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      await client.end().catch(() => undefined);
      if (!alive(pid))
        throw new Error(`the embedded database did not start: ${await lastWords(directory)}`, { cause: error });
      if (monotonicMs() > deadline)
        throw new Error(`the embedded database does not answer after ${START_DEADLINE_MS / 1000} s`, { cause: error });
    }
    await sleep(25, signal);
  }
}

async function lastWords(directory: string): Promise<string> {
  const text = await readFile(`${directory}.log`, 'utf8').catch(() => '');
  return text.trim().split('\n').slice(-3).join(' | ') || 'it said nothing';
}

interface Running {
  readonly pid: number;
  readonly port: number;
}

/** The server that runs on this folder, by its pid file; a pid that belongs to something else means a stale file. */
async function runningServer(directory: string): Promise<Running | null> {
  const file = await readFile(join(directory, 'postmaster.pid'), 'utf8').catch(() => null);
  if (file === null) return null;
  const [pidText, , , portText] = file.split('\n');
  const pid = Number(pidText);
  if (!Number.isInteger(pid) || pid <= 0 || !alive(pid) || !(await isServerOf(pid, directory))) {
    await rm(join(directory, 'postmaster.pid'), { force: true });
    return null;
  }
  return { pid, port: Number(portText) };
}

/** Linux tells by the working directory, which PostgreSQL sets to its data folder; elsewhere a live pid must do. */
async function isServerOf(pid: number, directory: string): Promise<boolean> {
  if (process.platform !== 'linux') return true;
  const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => null);
  return cwd === directory;
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

interface Parts extends Running {
  readonly binaries: string;
  readonly directory: string;
  readonly secrets: Secrets;
  readonly account: Account | null;
}

function handle({ pid, port, binaries, directory, secrets, account }: Parts): EmbeddedPostgres {
  let stopping: Promise<void> | undefined;
  return {
    ownerUrl: urlOf('tidegate_owner', secrets.owner, port, 'tidegate'),
    appUrl: urlOf('tidegate_app', secrets.app, port, 'tidegate'),
    adminUrl: urlOf('postgres', secrets.admin, port, 'tidegate'),
    port,
    pid,
    directory,
    binaries,
    [Symbol.asyncDispose]: () => {
      stopping ??= stop(binaries, directory, account);
      return stopping;
    },
  };
}

/** A fast shutdown: sessions are ended, a checkpoint is written, nothing is lost. */
async function stop(binaries: string, directory: string, account: Account | null): Promise<void> {
  if ((await runningServer(directory)) === null) return;
  await run(join(binaries, 'bin', 'pg_ctl'), ['stop', '-D', directory, '-m', 'fast', '-w', '-t', '30'], as(account));
}

function as(account: Account | null): { cwd: string; uid?: number; gid?: number; env: Record<string, string> } {
  // A clean environment: PGDATA, PGPORT and LANG of the caller must not reach the server.
  return { cwd: '/', env: { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8' }, ...(account ?? {}) };
}

function urlOf(role: string, password: string, port: number, database: string): string {
  return `postgres://${role}:${password}@127.0.0.1:${port}/${database}`;
}

/** Letters and digits only: it travels inside a URL and an SQL literal. */
function secret(): string {
  return randomBytes(24).toString('hex');
}

async function demandFree(port: number): Promise<void> {
  await listen(port).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EADDRINUSE') throw new PostgresPortTaken(port);
    throw error;
  });
}

export async function freePort(): Promise<number> {
  return listen(0);
}

async function listen(port: number): Promise<number> {
  const server = createServer();
  return new Promise((done, fail) => {
    server.once('error', fail);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => done(typeof address === 'object' && address !== null ? address.port : port));
    });
  });
}
