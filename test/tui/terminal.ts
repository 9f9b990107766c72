import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import xterm, { type IBufferCell } from '@xterm/headless';
import { eventually } from '../support/eventually.ts';

/** Why nothing can run in a terminal here, or null. Under CI what is missing is a failure, not a skip. */
export const noTerminal: string | null =
  process.env['CI'] === 'true' || spawnSync('script', ['--version']).status === 0
    ? null
    : 'script of util-linux (bsdutils) is not on the PATH: no pseudo terminal to run in';

/** Of a terminal's palette. */
export const RED = 1;
export const GREEN = 2;

const ROOT = join(import.meta.dirname, '..', '..');

export interface TuiOptions {
  readonly columns?: number;
  readonly rows?: number;
  /** Arguments of the TUI. */
  readonly args?: readonly string[];
  readonly token?: string;
  /** Arguments of node, before the program. */
  readonly nodeArgs?: readonly string[];
  /** Started by `npm run tui`; the process that gets signals is npm then. */
  readonly byNpm?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * The TUI as a person runs it: from a shell in a pseudo terminal, with an emulator that turns its bytes into a screen. The
 * shell goes on after it and tells the exit code and the modes that it finds the terminal in.
 */
export class Tui implements AsyncDisposable {
  readonly #script: ChildProcess;
  readonly #screen: InstanceType<typeof xterm.Terminal>;
  readonly #ended: Promise<unknown>;
  /** Everything that was written to the terminal. */
  bytes = '';

  private constructor(script: ChildProcess, columns: number, rows: number) {
    this.#script = script;
    this.#ended = once(script, 'exit');
    this.#screen = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true });
    script.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.bytes += text;
      this.#screen.write(text);
    });
  }

  /** Control's address, and the token unless the options have another. */
  static async open(control: { url: string; token: string }, options: TuiOptions = {}): Promise<Tui> {
    const { columns = 80, rows = 24, args = [], nodeArgs = [] } = options;
    const command =
      options.byNpm === true
        ? ['npm', 'run', '-s', 'tui', '--', ...args]
        : [process.execPath, '--import', 'tsx', ...nodeArgs, join(ROOT, 'tui/main.tsx'), ...args];
    const shell = [
      `stty cols ${columns} rows ${rows}`,
      'echo "tty=$(tty)"',
      `sh -c 'echo "pid=$$"; exec "$@"' tui ${command.map(quoted).join(' ')}`,
      'echo "exit=$?"',
      'echo "modes=$(stty -a | tr -s " ;" "\\n" | grep -xE -e "-?(icanon|echo|isig|icrnl|opost)" | tr "\\n" " ")"',
    ].join('; ');
    const script = spawn('script', ['-qefc', shell, '/dev/null'], {
      cwd: ROOT,
      env: {
        PATH: process.env['PATH'] ?? '',
        SHELL: '/bin/sh',
        TERM: 'xterm-256color',
        LANG: 'C.UTF-8',
        TIDEGATE_CONTROL_URL: control.url,
        TIDEGATE_TOKEN: options.token ?? control.token,
        ...options.env,
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await once(script, 'spawn');
    const tui = new Tui(script, columns, rows);
    await tui.until('its process', () => tui.pid > 0);
    return tui;
  }

  get pid(): number {
    return Number(/pid=(\d+)/.exec(this.bytes)?.[1] ?? 0);
  }

  /** What the shell found when the TUI had ended; undefined before. */
  get afterwards(): { readonly exitCode: number; readonly modes: string } | undefined {
    const found = /exit=(\d+)[\s\S]*modes=([^\r\n]*)/.exec(this.bytes);
    return found === null ? undefined : { exitCode: Number(found[1]), modes: (found[2] ?? '').trim() };
  }

  /** The lines that a person sees now. */
  async lines(): Promise<string[]> {
    await new Promise<void>((done) => this.#screen.write('', done));
    const { active } = this.#screen.buffer;
    return Array.from(
      { length: this.#screen.rows },
      (_, i) => active.getLine(active.baseY + i)?.translateToString(true) ?? '',
    );
  }

  async text(): Promise<string> {
    return (await this.lines()).join('\n');
  }

  /** The columns that begin at `column`, counted as a terminal counts: a Chinese character takes two. */
  async columnsFrom(column: number): Promise<string[]> {
    await this.lines();
    const { active } = this.#screen.buffer;
    return Array.from(
      { length: this.#screen.rows },
      (_, i) => active.getLine(active.baseY + i)?.translateToString(true, column) ?? '',
    );
  }

  /** The characters that stand in a colour of the palette, without the spaces between them. */
  async inColour(colour: number): Promise<string> {
    return this.#charactersWhere((cell) => cell.isFgPalette() && cell.getFgColor() === colour);
  }

  /** The characters that stand in, or on, any colour but the terminal's own. */
  async coloured(): Promise<string> {
    return this.#charactersWhere((cell) => !cell.isFgDefault() || !cell.isBgDefault());
  }

  async #charactersWhere(wanted: (cell: IBufferCell) => boolean): Promise<string> {
    await this.lines();
    const { active } = this.#screen.buffer;
    let found = '';
    for (let y = 0; y < this.#screen.rows; y += 1) {
      const line = active.getLine(active.baseY + y);
      for (let x = 0; x < this.#screen.cols; x += 1) {
        const cell = line?.getCell(x);
        if (cell !== undefined && wanted(cell)) found += cell.getChars();
      }
    }
    return found.replaceAll(' ', '');
  }

  /** Whether the program has its own screen now. */
  get onItsOwnScreen(): boolean {
    return this.#screen.buffer.active.type === 'alternate';
  }

  get cursorShown(): boolean {
    return this.bytes.lastIndexOf('\u001b[?25h') >= this.bytes.lastIndexOf('\u001b[?25l');
  }

  type(keys: string): void {
    this.#script.stdin?.write(keys);
  }

  /** Types, and waits for what the screen must show then. */
  async typeUntil(keys: string, pattern: RegExp): Promise<string> {
    this.type(keys);
    return this.shows(pattern);
  }

  /** Waits until the screen shows it; returns the screen. */
  shows(pattern: RegExp, timeoutMs = 15_000): Promise<string> {
    return this.until(String(pattern), async () => pattern.test(await this.text()), timeoutMs);
  }

  async until(what: string, holds: () => boolean | Promise<boolean>, timeoutMs = 15_000): Promise<string> {
    return eventually(
      async () => {
        if (this.#betweenFrames && (await holds())) return this.text();
        throw new Error(`${what} did not come; the screen is\n${await this.text()}`);
      },
      { timeoutMs, everyMs: 20 },
    );
  }

  /** A frame comes in pieces, between two marks: what a person sees is whole frames. */
  get #betweenFrames(): boolean {
    return this.bytes.lastIndexOf('\u001b[?2026l') >= this.bytes.lastIndexOf('\u001b[?2026h');
  }

  /** As when a person drags the window's corner. */
  async resize(columns: number, rows: number): Promise<void> {
    const tty = /tty=(\S+)/.exec(this.bytes)?.[1] ?? '';
    await this.lines();
    this.#screen.resize(columns, rows);
    const done = spawnSync('stty', ['-F', tty, 'cols', String(columns), 'rows', String(rows)]);
    if (done.status !== 0) throw new Error(`stty: ${String(done.stderr)}`);
  }

  signal(name: NodeJS.Signals): void {
    // To send to 0 is to send to everybody of our own group.
    if (this.pid === 0) throw new Error('it has not started');
    process.kill(this.pid, name);
  }

  /** Closes the terminal window: the other side of the pseudo terminal is gone at once. */
  async closeWindow(): Promise<void> {
    this.#script.kill('SIGKILL');
    await this.#ended;
  }

  get alive(): boolean {
    if (this.pid === 0) return false;
    try {
      process.kill(this.pid, 0);
      return true;
    } catch {
      return false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.alive) this.signal('SIGKILL');
    if (this.#script.exitCode === null && this.#script.signalCode === null) {
      this.#script.stdin?.end();
      await this.#ended;
    }
    this.#screen.dispose();
  }
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** How often the whole screen was cleared: erase all, erase with the scrollback, or home and erase down. */
export function countClears(bytes: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  return bytes.match(/\u001b\[[23]J|\u001b\[(?:1?;?1?)H\u001b\[0?J|\u001bc/g)?.length ?? 0;
}
