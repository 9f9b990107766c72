import { execFile, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, readlink, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { monotonicMs, sleep } from '../clock.ts';
import type { Logger } from '../log.ts';
import { freePort, isFree } from '../ports.ts';
import { type Account, locateBinaries, serverAccount } from './binaries.ts';
import { as, clusterDirectory, ensureCluster, type Secrets } from './cluster.ts';

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
  /** Told the server's pid as soon as there is one, long before it is ready: for who must end it whatever happens. */
  readonly onPid?: (pid: number) => void;
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
  /** Whether the server is still there. Its pid alone does not tell: it may be a zombie, or somebody else's by now. */
  isRunning(): Promise<boolean>;
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

/** Above what the recovery after a crash takes: up to 2 GB of log (`max_wal_size`) are read then. */
const START_DEADLINE_MS = 120_000;

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
  const left = await adoptable(directory, secrets, options);
  if (left !== null) {
    options.log.info({ pid: left.pid, port: left.port }, 'adopting the database server that an earlier run left');
    return handle({ ...left, binaries, directory, secrets, account });
  }
  const port = options.port === 0 ? await freePort() : options.port;
  await demandFree(port);
  const pid = await launch(binaries, directory, port, account);
  options.onPid?.(pid);
  try {
    await untilReady({ pid, port, directory, secrets, signal: options.signal });
  } catch (error) {
    // Its immediate shutdown: a server that nobody waits for must not stay.
    if (alive(pid)) process.kill(pid, 'SIGQUIT');
    throw error;
  }
  return handle({ pid, port, binaries, directory, secrets, account });
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

/** The server that runs on this folder, once it answers; null when there is none, or it was about to end. */
async function adoptable(
  directory: string,
  secrets: Secrets,
  { signal, onPid }: Pick<EmbeddedOptions, 'signal' | 'onPid'>,
): Promise<Running | null> {
  for (;;) {
    const left = await runningServer(directory);
    if (left === null) return null;
    onPid?.(left.pid);
    try {
      // Its port is written a moment after its pid.
      if (left.port > 0) {
        await untilReady({ ...left, directory, secrets, signal });
        return left;
      }
    } catch (error) {
      if (alive(left.pid)) throw error;
    }
    await sleep(25, signal);
    signal.throwIfAborted();
  }
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
  return { pid, port: Number(portText ?? 0) || 0 };
}

/** Linux tells by the working directory, which PostgreSQL sets to its data folder; elsewhere a live pid must do. */
async function isServerOf(pid: number, directory: string): Promise<boolean> {
  if (process.platform !== 'linux') return true;
  const [cwd, real] = await Promise.all([
    readlink(`/proc/${pid}/cwd`).catch(() => null),
    realpath(directory).catch(() => directory),
  ]);
  return cwd === real;
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
    isRunning: async () => alive(pid) && (await isServerOf(pid, directory)),
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

function urlOf(role: string, password: string, port: number, database: string): string {
  return `postgres://${role}:${password}@127.0.0.1:${port}/${database}`;
}

async function demandFree(port: number): Promise<void> {
  if (!(await isFree(port))) throw new PostgresPortTaken(port);
}
