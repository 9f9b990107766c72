import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, readlink, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type Database, openDatabase } from '../../core/kernel/db/database.ts';
import { silent } from './database.ts';
import { eventually } from './eventually.ts';
import type { Premises } from './premises.ts';
import { http, type Reply } from './shop.ts';

const tokensSchema = z.object({ shop: z.string(), merchant: z.string() });
const secretsSchema = z.object({ app: z.string() });
const ROOT = join(import.meta.dirname, '..', '..');
export const CHILDREN = ['core', 'reconcile', 'control', 'sandbox'] as const;
export type ChildName = (typeof CHILDREN)[number];

/**
 * A data folder of its own, which the embedded database's account can reach; gone when disposed, with all that runs on it.
 * It is reached by a link, as where /tmp or a home is one, and its name is none that a shell takes as it stands.
 */
export class DataDir implements AsyncDisposable {
  readonly #root: string;
  readonly path: string;

  private constructor(root: string) {
    this.#root = root;
    this.path = `${root}-its 数据`;
  }

  static async make(): Promise<DataDir> {
    const dataDir = new DataDir(await mkdtemp('/var/tmp/tidegate-up-'));
    await chmod(dataDir.#root, 0o755);
    await symlink(dataDir.#root, dataDir.path);
    return dataDir;
  }

  /** The database of a start that runs on it, under the application's role. */
  async openDatabase(up: Up): Promise<Database> {
    const file = join(this.path, 'postgres', 'tidegate-secrets.json');
    const { app } = secretsSchema.parse(JSON.parse(await readFile(file, 'utf8')));
    const [, place] = /^ +database +(127\.0\.0\.1:\d+)/m.exec(up.output.slice(up.output.indexOf('Ready after'))) ?? [];
    const url = `postgres://tidegate_app:${app}@${place}/tidegate`;
    return openDatabase({ url, poolSize: 2, applicationName: 'test', log: silent });
  }

  /** The server of the embedded database. */
  async postmaster(): Promise<number> {
    const [pid] = (await readFile(join(this.path, 'postgres', 'postmaster.pid'), 'utf8')).split('\n');
    return Number(pid);
  }

  /** Every process that was started for it or works in it, as `pid command line`; this one looks in from outside. */
  async processes(): Promise<string[]> {
    const found: string[] = [];
    for (const pid of (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name))) {
      const [command = '', environment = '', cwd = ''] = await Promise.all([
        readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''),
        readFile(`/proc/${pid}/environ`, 'utf8').catch(() => ''),
        readlink(`/proc/${pid}/cwd`).catch(() => ''),
      ]);
      if ([command, environment, cwd].some((text) => text.includes(this.#root))) {
        found.push(`${pid} ${command.replaceAll('\0', ' ').trim()}`);
      }
    }
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const line of await this.processes()) kill(Number.parseInt(line, 10), 'SIGKILL');
    await eventually(async () => (await this.processes()).length === 0);
    await rm(this.path);
    await rm(this.#root, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

export interface UpOptions {
  readonly dataDir: DataDir;
  readonly env?: Readonly<Record<string, string>>;
  /** As a person does, with npm in between; or the program alone, which is faster. */
  readonly by?: 'npm' | 'node';
}

/** `npm start`, as the leader of a process group of its own, as a terminal would run it. */
export class Up implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly ended: Promise<number | null>;
  output = '';

  constructor({ dataDir, env = {}, by = 'node' }: UpOptions) {
    const [command, args] = by === 'npm' ? ['npm', ['start']] : [process.execPath, ['control/up.ts']];
    this.#child = spawn(command, args, {
      cwd: ROOT,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], TIDEGATE_DATA_DIR: dataDir.path, PORT: '0', ...env },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    }
    this.ended = new Promise((resolve) => this.#child.once('close', resolve));
  }

  static async ready(options: UpOptions): Promise<Up> {
    const up = new Up(options);
    await up.ready();
    return up;
  }

  /** Waits for the end of what it shows when everything runs. */
  async ready(): Promise<void> {
    await this.says('/v1/orders\n', 60_000);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Where its customers find it; what is asked for must run. */
  async premises(dataDir: DataDir): Promise<Pick<Premises, 'all' | 'one' | 'tokens'>> {
    const tokens = tokensSchema.parse(JSON.parse(await readFile(join(dataDir.path, 'tokens.json'), 'utf8')));
    return {
      all: (kind) => [{ url: this.where(kind) }],
      one: (kind) => ({ url: this.where(kind) }),
      tokens,
    };
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Waits until its output holds the text; fails at once when it ends without. */
  async says(text: string, timeoutMs = 20_000): Promise<void> {
    await eventually(
      () => {
        if (this.output.includes(text)) return true;
        if (!this.alive) return Promise.reject(new Error(`up ended without "${text}":\n${this.output}`));
        throw new Error(`up has not said "${text}":\n${this.output}`);
      },
      { timeoutMs },
    );
  }

  /** The table that it printed. */
  where(name: ChildName): string {
    return new RegExp(`^ +${name} +(http\\S+) +pid`, 'm').exec(this.output)?.[1] ?? '';
  }

  /** What runs as that child now: the table's pid is that of the start. */
  pidOf(name: ChildName): number {
    const pids = [...this.output.matchAll(new RegExp(`\\b${name}\\b.*\\bpid (\\d+)`, 'g'))];
    return Number(pids.at(-1)?.[1]);
  }

  /** Ctrl-C in a terminal: the whole foreground group hears it. */
  ctrlC(): void {
    kill(-this.pid, 'SIGINT');
  }

  /** Nobody reads what it says any more. */
  closeOutput(): void {
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.alive) kill(-this.pid, 'SIGTERM');
    await this.ended;
  }
}

export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** The shopper of a running system: with the tokens that the start left in its data folder. */
export class Visitor {
  readonly #up: Up;
  readonly #tokens: Readonly<Record<string, string>>;

  private constructor(up: Up, tokens: Readonly<Record<string, string>>) {
    this.#up = up;
    this.#tokens = tokens;
  }

  static async of(up: Up, dataDir: DataDir): Promise<Visitor> {
    return new Visitor(
      up,
      JSON.parse(await readFile(join(dataDir.path, 'tokens.json'), 'utf8')) as Record<string, string>,
    );
  }

  ask(
    name: ChildName,
    role: string,
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Reply> {
    return http(`${this.#up.where(name)}${path}`, {
      method,
      headers,
      ...(this.#tokens[role] === undefined ? {} : { token: this.#tokens[role] }),
      ...(body === undefined ? {} : { body }),
    });
  }

  /** Places the order that the welcome shows, under this key. */
  async place(key: string): Promise<Reply> {
    const order: unknown = JSON.parse(/-d '(\{.*?\})' http/.exec(this.#up.output)?.[1] ?? '{}');
    return this.ask('core', 'shop', 'POST', '/v1/orders', order, { 'idempotency-key': key });
  }

  /** Pays at the channel. */
  async pay(payOrderId: string): Promise<Reply> {
    const pressed = await this.ask('core', 'shop', 'POST', `/v1/pay-orders/${payOrderId}/pay`, { channel: 'sandbox' });
    const paymentId = String(pressed.body['paymentId']);
    await this.ask('sandbox', '', 'POST', `/sandbox/pay/${paymentId}`, { result: 'paid' });
    return pressed;
  }

  async stateOf(orderId: string): Promise<string> {
    const { body } = await this.ask('core', 'shop', 'GET', `/v1/orders/${orderId}`);
    return (body['state'] as { code: string } | undefined)?.code ?? JSON.stringify(body);
  }
}
