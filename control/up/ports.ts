import { readdir, readFile, readlink } from 'node:fs/promises';
import { monotonicMs, sleep } from '../../core/kernel/clock.ts';
import { ConfigError } from '../../core/kernel/config.ts';
import { freeBase, isFree } from '../../core/kernel/ports.ts';

/** Where everything listens: one base, and fixed distances from it. */
export interface Ports {
  readonly control: number;
  readonly core: number;
  readonly reconcile: number;
  readonly sandbox: number;
  readonly database: number;
}

export const DEFAULT_BASE = 4600;
const OFFSETS: Ports = { control: 0, core: 1, reconcile: 2, sandbox: 9, database: 32 };
const HIGHEST_BASE = 65_535 - OFFSETS.database;

/** Somebody else has a port that we need. `npm start` exits 3 with this text. */
export class PortsTaken extends Error {
  readonly exitCode = 3;
  constructor(message: string) {
    super(message);
    this.name = 'PortsTaken';
  }
}

/**
 * The ports that belong to a base: `PORT`, which is control's. 0 looks for a base whose ports are all free.
 *
 * Throws `ConfigError` when the last of them would be beyond 65535.
 */
export async function portsFrom(base: number): Promise<Ports> {
  if (base > HIGHEST_BASE) {
    throw new ConfigError(
      `PORT cannot be "${base}": the ports up to ${OFFSETS.database} above it are needed, too, so expected a whole number from 0 to ${HIGHEST_BASE}`,
    );
  }
  return at(base === 0 ? await freeBase(Object.values(OFFSETS)) : base);
}

function at(base: number): Ports {
  const of = (name: keyof Ports): number => base + OFFSETS[name];
  return {
    control: of('control'),
    core: of('core'),
    reconcile: of('reconcile'),
    sandbox: of('sandbox'),
    database: of('database'),
  };
}

/** Those of our HTTP ports that are taken. The database looks after its own: an earlier run's server may be ours. */
async function takenOf(ports: Ports): Promise<(keyof Ports)[]> {
  const names = ['control', 'core', 'reconcile', 'sandbox'] as const;
  const free = await Promise.all(names.map((name) => isFree(ports[name])));
  return names.filter((_name, i) => free[i] === false);
}

/**
 * Refuses with every taken port, who has it, and how to move. `patienceMs`: what an earlier run left behind is given time
 * to go.
 */
export async function demandFree(ports: Ports, patienceMs: number, signal: AbortSignal): Promise<void> {
  const untilMs = monotonicMs() + patienceMs;
  let taken = await takenOf(ports);
  while (taken.length > 0 && monotonicMs() < untilMs && !signal.aborted) {
    await sleep(100, signal);
    taken = await takenOf(ports);
  }
  if (taken.length === 0) return;
  const lines = await Promise.all(
    taken.map(async (name) => {
      const holder = await holderOf(ports[name]);
      return `  port ${ports[name]}, where ${name} would listen, is taken${holder === undefined ? '' : ` by ${holder}`}`;
    }),
  );
  const other = ports.control + 1000 > HIGHEST_BASE ? DEFAULT_BASE : ports.control + 1000;
  const hint = `Stop what listens there, or choose other ports: PORT=${other} npm start`;
  throw new PortsTaken(`cannot start:\n${lines.join('\n')}\n${hint} (all ports move with it).`);
}

/** `node (pid 123)`: who listens on a port, where Linux tells us; `undefined` elsewhere, or when it is another user's. */
async function holderOf(port: number): Promise<string | undefined> {
  const inode = (await listeners('/proc/net/tcp', port)) ?? (await listeners('/proc/net/tcp6', port));
  if (inode === undefined) return undefined;
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  for (const pid of pids) {
    const fds = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const fd of fds) {
      const target = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '');
      if (target !== `socket:[${inode}]`) continue;
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      const words = command.split('\0').filter((word) => word !== '');
      return `${words.slice(0, 3).join(' ').slice(0, 120) || 'a process'} (pid ${pid})`;
    }
  }
  return undefined;
}

const LISTEN_STATE = '0A';

async function listeners(table: string, port: number): Promise<string | undefined> {
  const text = await readFile(table, 'utf8').catch(() => '');
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  for (const line of text.split('\n').slice(1)) {
    const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
    if (state === LISTEN_STATE && local?.endsWith(suffix) === true) return inode;
  }
  return undefined;
}
