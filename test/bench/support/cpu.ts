import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** CPU that processes used, in seconds, by name. Linux only; elsewhere nothing is told. */
export type CpuSeconds = Readonly<Record<string, number>>;

export interface Watched {
  readonly name: string;
  readonly pid: number;
  /** Its children count too, those that ended meanwhile as well: a database server is a process per connection. */
  readonly family?: true;
}

interface Stat {
  readonly pid: number;
  readonly parent: number;
  readonly own: number;
  readonly waited: number;
}

let ticks = 0;

function ticksPerSecond(): number {
  if (ticks === 0) ticks = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  return ticks;
}

function statOf(pid: number | string): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Behind the name in parentheses, which may hold anything: state, ppid, … utime, stime, cutime, cstime.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const at = (i: number): number => Number(fields[i]);
    return { pid: Number(pid), parent: at(1), own: at(11) + at(12), waited: at(13) + at(14) };
  } catch {
    return undefined;
  }
}

export function cpuNow(watched: readonly Watched[]): CpuSeconds {
  if (process.platform !== 'linux') return {};
  const family = watched.some((w) => w.family === true)
    ? readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (statOf(name) ?? []) : []))
    : [];
  return Object.fromEntries(
    watched.map(({ name, pid, family: whole }) => {
      const stat = statOf(pid);
      let used = stat?.own ?? 0;
      if (whole === true) {
        used += stat?.waited ?? 0;
        for (const child of family) if (child.parent === pid) used += child.own;
      }
      return [name, used / ticksPerSecond()];
    }),
  );
}

/** What was used between two looks, in cores (1.0 = one core busy all the time). */
export function coresBetween(before: CpuSeconds, after: CpuSeconds, seconds: number): CpuSeconds {
  return Object.fromEntries(
    Object.entries(after).map(([name, used]) => [name, (used - (before[name] ?? 0)) / seconds]),
  );
}
