import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Role } from '../../core/kernel/access/roles.ts';
import { createToken } from '../../core/kernel/access/tokens.ts';
import { systemClock } from '../../core/kernel/clock.ts';
import { freePort } from '../../core/kernel/ports.ts';
import { type TestDatabase, testDatabase } from './database.ts';
import { eventually } from './eventually.ts';

/** The whole system as real processes over a database of its own, on free ports. */
export type Kind = 'core' | 'control' | 'reconcile' | 'sandbox';

const ROOT = join(import.meta.dirname, '..', '..');
export const WEBHOOK_SECRET = `whsec_${Buffer.from('a secret that only this test run knows').toString('base64')}`;

export interface SystemOptions {
  readonly cores?: number;
  readonly reconcilers?: number;
  readonly controls?: number;
  readonly env?: Readonly<Record<string, string>>;
}

export class Proc {
  readonly name: string;
  readonly kind: Kind;
  readonly port: number;
  readonly #env: NodeJS.ProcessEnv;
  #child: ChildProcess | undefined;
  output = '';

  constructor(kind: Kind, name: string, port: number, env: NodeJS.ProcessEnv) {
    this.kind = kind;
    this.name = name;
    this.port = port;
    this.#env = env;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  async start(): Promise<void> {
    const folder = this.kind === 'sandbox' ? 'core/sandbox' : this.kind;
    const child = spawn(process.execPath, [join(ROOT, folder, 'main.ts')], {
      cwd: ROOT,
      env: this.#env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output = (this.output + text).slice(-20_000);
      });
    }
    await eventually(
      async () => {
        if (child.exitCode !== null || child.signalCode !== null) throw new Error(`${this.name} ended: ${this.output}`);
        const answer = await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(2_000) });
        if (answer.status !== 200) throw new Error(`${this.name} is not ready: ${await answer.text()}`);
      },
      { timeoutMs: 30_000, everyMs: 50 },
    );
  }

  /** SIGKILL: no word, no clean-up. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGCONT');
    child.kill(signal);
    await gone;
  }
}

export class System implements AsyncDisposable {
  readonly database: TestDatabase;
  readonly procs: readonly Proc[];
  readonly tokens: Readonly<Record<'admin' | 'operator' | 'viewer' | 'shop' | 'merchant', string>>;
  readonly #dataDir: string;

  constructor(database: TestDatabase, procs: readonly Proc[], tokens: System['tokens'], dataDir: string) {
    this.database = database;
    this.procs = procs;
    this.tokens = tokens;
    this.#dataDir = dataDir;
  }

  get dataDir(): string {
    return this.#dataDir;
  }

  all(kind: Kind): Proc[] {
    return this.procs.filter((proc) => proc.kind === kind);
  }

  one(kind: Kind): Proc {
    const proc = this.all(kind)[0];
    if (proc === undefined) throw new Error(`this system has no ${kind}`);
    return proc;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.procs.map((proc) => proc.stop()));
    await this.database[Symbol.asyncDispose]();
    await rm(this.#dataDir, { recursive: true, force: true });
  }
}

export async function startSystem(options: SystemOptions = {}): Promise<System> {
  const database = await testDatabase({ poolSize: 4 });
  const dataDir = await mkdtemp('/var/tmp/tidegate-system-');
  const issue = async (name: string, role: Role): Promise<string> => {
    const made = await createToken(
      database.db,
      { clock: systemClock },
      { name, role, issuedBy: 'test', ttlMs: 3_600_000 },
    );
    if (!made.ok) throw new Error(made.detail);
    return made.value.token;
  };
  const plan: Kind[] = [
    'sandbox',
    ...Array<Kind>(options.controls ?? 1).fill('control'),
    ...Array<Kind>(options.cores ?? 1).fill('core'),
    ...Array<Kind>(options.reconcilers ?? 1).fill('reconcile'),
  ];
  const ports: number[] = [];
  for (const _ of plan) ports.push(await freePort());
  const urlOf = (kind: Kind): string => `http://127.0.0.1:${ports[plan.indexOf(kind)] ?? 9}`;
  const shared = {
    PATH: process.env['PATH'] ?? '',
    DATABASE_URL: database.appUrl,
    TIDEGATE_MIGRATE_URL: database.ownerUrl,
    TIDEGATE_DATA_DIR: dataDir,
    TIDEGATE_CONTROL_URL: urlOf('control'),
    TIDEGATE_CORE_URL: urlOf('core'),
    TIDEGATE_SANDBOX_URL: urlOf('sandbox'),
    TIDEGATE_WEBHOOK_SECRET: WEBHOOK_SECRET,
    TIDEGATE_LOG_LEVEL: 'warn',
    ...options.env,
  };
  const counts = new Map<Kind, number>();
  const procs: Proc[] = [];
  for (const [i, kind] of plan.entries()) {
    const nth = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, nth);
    const name = `${kind}-${nth}`;
    const env = {
      ...shared,
      PORT: String(ports[i]),
      TIDEGATE_INSTANCE: name,
      ...(kind === 'sandbox' ? {} : { TIDEGATE_INSTANCE_TOKEN: await issue(name, 'instance') }),
    };
    procs.push(new Proc(kind, name, ports[i] ?? 0, env));
  }
  const tokens = {
    admin: await issue('admin', 'admin'),
    operator: await issue('operator', 'operator'),
    viewer: await issue('viewer', 'viewer'),
    shop: await issue('shop', 'shop'),
    merchant: await issue('merchant', 'merchant'),
  };
  const system = new System(database, procs, tokens, dataDir);
  try {
    await Promise.all(procs.map((proc) => proc.start()));
  } catch (error) {
    await system[Symbol.asyncDispose]();
    throw error;
  }
  return system;
}
