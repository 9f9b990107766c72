import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Role } from '../../../core/kernel/access/roles.ts';
import { createToken } from '../../../core/kernel/access/tokens.ts';
import { systemClock } from '../../../core/kernel/clock.ts';
import { type Database, openDatabase } from '../../../core/kernel/db/database.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../../core/kernel/db/embedded.ts';
import { migrate } from '../../../core/kernel/db/migrate.ts';
import { createLogger } from '../../../core/kernel/log.ts';
import { freePort } from '../../../core/kernel/ports.ts';
import { CORE_MIGRATIONS } from '../../../core/migrations.ts';
import { eventually } from '../../support/eventually.ts';
import type { BenchOptions } from './benchmark.ts';
import type { Watched } from './cpu.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const WEBHOOK_SECRET = `whsec_${Buffer.from('a secret that only this benchmark knows').toString('base64')}`;

/** What a benchmark of the core runs on: the processes of `npm start` that serve an order, in a folder of their own. */
export interface Stage extends AsyncDisposable {
  readonly postgres: EmbeddedPostgres;
  readonly db: Database;
  readonly coreUrl: string;
  readonly outsideUrl: string;
  readonly shopToken: string;
  readonly merchantToken: string;
  readonly processes: readonly Watched[];
  /** What the core has written to its log. */
  coreLog(): Promise<string>;
}

export interface StageOptions extends Pick<BenchOptions, 'signal' | 'profileDir'> {
  readonly outsideDelayMs: number;
}

/** The embedded database with its durable settings, the core, and an outside in memory. */
export async function openStage(options: StageOptions): Promise<Stage> {
  await using stack = new AsyncDisposableStack();
  const dataDir = await mkdtemp('/var/tmp/tidegate-bench-');
  stack.defer(() => rm(dataDir, { recursive: true, force: true }));
  // The server runs as another user where we are root, and must reach its folder.
  await chmod(dataDir, 0o755);
  const log = createLogger('bench', { logLevel: 'error', instance: 'bench' });
  const postgres = stack.use(await startEmbeddedPostgres({ dataDir, port: 0, log, signal: options.signal }));
  const appRole = new URL(postgres.appUrl).username;
  await migrate({ url: postgres.ownerUrl, appRole, ...CORE_MIGRATIONS, log });
  const db = stack.use(await openDatabase({ url: postgres.appUrl, poolSize: 2, applicationName: 'bench', log }));
  const corePort = await freePort();
  const coreUrl = `http://127.0.0.1:${corePort}`;
  const shared = { PATH: process.env['PATH'] ?? '', TIDEGATE_WEBHOOK_SECRET: WEBHOOK_SECRET };

  const outsideEnv = { ...shared, OUTSIDE_DELAY_MS: String(options.outsideDelayMs) };
  const outside = spawn(process.execPath, [...profiling(options), join(import.meta.dirname, 'outside.ts')], {
    env: outsideEnv,
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  stack.defer(() => end(outside));
  const outsideUrl = await firstLine(outside);

  const logFile = join(dataDir, 'core.log');
  const core = await startCore(logFile, options, {
    ...shared,
    DATABASE_URL: postgres.appUrl,
    PORT: String(corePort),
    TIDEGATE_DATA_DIR: dataDir,
    TIDEGATE_CORE_URL: coreUrl,
    TIDEGATE_SANDBOX_URL: outsideUrl,
  });
  stack.defer(() => end(core));
  await eventually(() => ready(core, coreUrl, logFile), { timeoutMs: 30_000, everyMs: 50 });

  const processes: Watched[] = [
    { name: 'core', pid: core.pid ?? 0 },
    { name: 'postgres', pid: postgres.pid, family: true },
    { name: 'outside', pid: outside.pid ?? 0 },
    { name: 'shoppers', pid: process.pid },
  ];
  const shopToken = await issue(db, 'shop');
  const merchantToken = await issue(db, 'merchant');
  const owned = stack.move();
  return {
    postgres,
    db,
    coreUrl,
    outsideUrl,
    shopToken,
    merchantToken,
    processes,
    coreLog: () => readFile(logFile, 'utf8'),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function profiling({ profileDir }: StageOptions): string[] {
  return profileDir === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDir}`];
}

async function startCore(logFile: string, options: StageOptions, env: NodeJS.ProcessEnv): Promise<ChildProcess> {
  await using out = await open(logFile, 'a', 0o600);
  return spawn(process.execPath, [...profiling(options), join(ROOT, 'core/main.ts')], {
    cwd: ROOT,
    env,
    stdio: ['ignore', out.fd, out.fd, 'ipc'],
  });
}

async function ready(core: ChildProcess, url: string, logFile: string): Promise<void> {
  if (core.exitCode !== null) throw new Error(`the core ended: ${await readFile(logFile, 'utf8')}`);
  const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) });
  await answer.body?.cancel();
  if (answer.status !== 200) throw new Error(`the core is not ready: ${answer.status}`);
}

async function issue(db: Database, role: Role): Promise<string> {
  const made = await createToken(db, { clock: systemClock }, { name: role, role, issuedBy: 'bench', ttlMs: 3_600_000 });
  if (!made.ok) throw new Error(made.detail);
  return made.value.token;
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.stdout?.setEncoding('utf8').once('data', (text: string) => resolve(text.trim()));
    child.once('exit', () => reject(new Error('it ended before it said where it listens')));
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  // The end of the channel is what the outside waits for; the core takes the signal.
  if (child.connected) child.disconnect();
  child.kill('SIGTERM');
  await gone;
}
