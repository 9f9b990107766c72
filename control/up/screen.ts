import { monotonicMs } from '../../core/kernel/clock.ts';

/** Where lines go; tests and `up` hand in their own. */
export type Print = (line: string) => void;

/** What `up` shows: progress while it starts, a table when it is ready, and what happens afterwards. */
export class Screen {
  readonly #print: Print;
  readonly #startedMs = monotonicMs();

  constructor(print: Print) {
    this.#print = print;
  }

  title(dataDir: string): void {
    this.#print(`Tidegate starts; its data is in ${dataDir}`);
  }

  /** One thing that is done, and how long after the start. */
  step(what: string, detail: string): void {
    this.#print(`  ${this.#elapsed().padStart(6)}  ${what.padEnd(11)} ${detail}`);
  }

  /** Something that happened to a running system. */
  note(line: string): void {
    this.#print(`  ${this.#elapsed().padStart(6)}  ${line}`);
  }

  ready(lines: readonly string[]): void {
    this.#print('');
    this.#print(`Ready after ${this.#elapsed()}. Ctrl-C stops everything.`);
    this.#print('');
    for (const line of lines) this.#print(line);
    this.#print('');
  }

  #elapsed(): string {
    return `${((monotonicMs() - this.#startedMs) / 1000).toFixed(1)} s`;
  }
}

export interface Running {
  readonly what: string;
  readonly where: string;
  readonly pid: number | undefined;
  readonly log: string;
}

/** The table of what runs where. */
export function table(rows: readonly Running[]): string[] {
  const wide = (of: (row: Running) => string): number => Math.max(...rows.map((row) => of(row).length));
  const what = wide((row) => row.what);
  const where = wide((row) => row.where);
  const pid = wide((row) => String(row.pid ?? ''));
  return rows.map(
    (row) =>
      `  ${row.what.padEnd(what)}  ${row.where.padEnd(where)}  ${row.pid === undefined ? ''.padEnd(pid + 4) : `pid ${String(row.pid).padEnd(pid)}`}  ${row.log}`,
  );
}
