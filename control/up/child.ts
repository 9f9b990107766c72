import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { copyFile, mkdir, readFile, stat, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import { every, monotonicMs, sleep } from '../../core/kernel/clock.ts';

export interface ChildSpec {
  readonly name: string;
  /** The file that node runs. */
  readonly main: string;
  readonly url: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly logFile: string;
}

/** A child that ended before it could serve, with what it said last. `npm start` exits with the child's own code. */
export class ChildFailed extends Error {
  readonly exitCode: number;
  constructor(message: string, code: number | null) {
    super(message);
    this.name = 'ChildFailed';
    this.exitCode = code === null || code === 0 ? 1 : code;
  }
}

/** What the supervisor has to say of a child, for a person. */
export type Tell = (line: string) => void;

const READY_DEADLINE_MS = 30_000;
const READY_LOOK_MS = 40;
const READY_TIMEOUT_MS = 2_000;
/** Above the time that a process gives its own stop. */
const STOP_DEADLINE_MS = 16_000;
const BACKOFF_BASE_MS = 200;
const BACKOFF_CAP_MS = 10_000;
/** A child that lived so long begins its backoff anew. */
const SETTLED_MS = 30_000;
const LOG_LIMIT_BYTES = 32 * 1024 * 1024;
const LOG_LOOK_MS = 30_000;

/**
 * One process of ours, kept running. It has a process group of its own, so that a Ctrl-C in the terminal reaches `up`
 * alone, which then stops everything in order; and an IPC channel, whose end tells it that `up` is gone, even by kill -9.
 */
export class Child {
  readonly #spec: ChildSpec;
  readonly #tell: Tell;
  readonly #over = new AbortController();
  #process: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #settled = false;
  #failures = 0;
  #startedMs = 0;
  /** Bytes in its log before this start. */
  #saidBefore = 0;
  #fail: (error: Error) => void = () => undefined;

  constructor(spec: ChildSpec, tell: Tell) {
    this.#spec = spec;
    this.#tell = tell;
  }

  get name(): string {
    return this.#spec.name;
  }

  get url(): string {
    return this.#spec.url;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /**
   * Starts it and waits until it may serve; false when it was given up before. Throws what it said last when it ends by
   * itself: at a start something is wrong that trying again does not mend. From then on a death is followed by a start.
   */
  async start(signal: AbortSignal): Promise<boolean> {
    await mkdir(dirname(this.#spec.logFile), { recursive: true });
    await boundLog(this.#spec.logFile);
    const died = new Promise<never>((_resolve, reject) => {
      this.#fail = reject;
    });
    died.catch(() => undefined);
    this.#spawn();
    const ready = await Promise.race([this.#ready(signal), died]);
    this.#settled = true;
    every(LOG_LOOK_MS, this.#over.signal, () => boundLog(this.#spec.logFile));
    return ready;
  }

  #spawn(): void {
    const out = openSync(this.#spec.logFile, 'a', 0o600);
    this.#saidBefore = fstatSync(out).size;
    try {
      const child = spawn(process.execPath, [this.#spec.main], {
        env: { ...this.#spec.env },
        detached: true,
        stdio: ['ignore', out, out, 'ipc'],
      });
      this.#process = child;
      this.#startedMs = monotonicMs();
      this.#ended = new Promise((resolve) => {
        child.once('error', (error) => {
          this.#onEnd(`could not be started: ${error.message}`, null);
          resolve();
        });
        child.once('exit', (code, signal) => {
          this.#onEnd(signal === null ? `ended with code ${code}` : `was ended by ${signal}`, code);
          resolve();
        });
      });
    } finally {
      closeSync(out);
    }
  }

  #onEnd(how: string, code: number | null): void {
    this.#process = undefined;
    if (this.#over.signal.aborted) return;
    if (!this.#settled) {
      const words = lastWords(this.#spec.logFile, this.#saidBefore);
      void words.then((text) => this.#fail(new ChildFailed(`${this.name} ${how}:\n${text}`, code)));
      return;
    }
    this.#failures = monotonicMs() - this.#startedMs > SETTLED_MS ? 0 : this.#failures + 1;
    const pauseMs = Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** Math.min(this.#failures, 8));
    this.#tell(
      `${this.name} ${how}; starting it again in ${(pauseMs / 1000).toFixed(1)} s (its log: ${this.#spec.logFile})`,
    );
    void this.#again(pauseMs);
  }

  async #again(pauseMs: number): Promise<void> {
    const { signal } = this.#over;
    await sleep(pauseMs, signal);
    if (signal.aborted) return;
    this.#spawn();
    const mine = this.#process;
    await this.#ready(signal).catch(() => undefined);
    if (this.#process === mine && mine !== undefined && !signal.aborted)
      this.#tell(`${this.name} is back (pid ${mine.pid})`);
  }

  /** True when `/readyz` says yes; false when it ended or was given up before. */
  async #ready(signal: AbortSignal): Promise<boolean> {
    const untilMs = monotonicMs() + READY_DEADLINE_MS;
    while (!signal.aborted && this.#process !== undefined) {
      if (await answersReady(this.#spec.url)) return true;
      if (monotonicMs() > untilMs) throw new Error(`${this.name} is not ready after ${READY_DEADLINE_MS / 1000} s`);
      await sleep(READY_LOOK_MS, signal);
    }
    return false;
  }

  /** Asks it to stop and waits; what does not stop in time is ended. */
  async stop(): Promise<void> {
    this.#over.abort();
    const child = this.#process;
    if (child === undefined) return;
    const patience = new AbortController();
    signalGroup(child, 'SIGTERM');
    const late = sleep(STOP_DEADLINE_MS, patience.signal).then(() => {
      if (patience.signal.aborted) return;
      this.#tell(`${this.name} did not stop in ${STOP_DEADLINE_MS / 1000} s: it is ended`);
      signalGroup(child, 'SIGKILL');
    });
    await this.#ended;
    patience.abort();
    await late;
  }

  /** Ends it and everything it started, at once and without waiting. */
  kill(): void {
    this.#over.abort();
    if (this.#process !== undefined) signalGroup(this.#process, 'SIGKILL');
  }
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // It ended by itself between our look and our signal.
  }
}

async function answersReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(new URL('/readyz', url), { signal: AbortSignal.timeout(READY_TIMEOUT_MS) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

const TAIL_BYTES = 4_000;

/** What was written to a log since `from`, as a person reads it: why it ended where that was said, or else its last lines. */
async function lastWords(file: string, from: number): Promise<string> {
  const text = await readFile(file).then(
    (bytes) => bytes.subarray(from).subarray(-TAIL_BYTES).toString('utf8'),
    () => '',
  );
  const lines = text.trim().split('\n').slice(-5).map(messageIn);
  const fatal = lines.filter((line) => line.startsWith('fatal: '));
  return (fatal.length > 0 ? fatal : lines).map((line) => `  ${line}`).join('\n');
}

function messageIn(line: string): string {
  try {
    const { level, msg } = JSON.parse(line) as { level?: unknown; msg?: unknown };
    return typeof msg === 'string' ? `${String(level)}: ${msg}` : line;
  } catch {
    return line;
  }
}

/** Starts a log over once it is large; the part before is kept beside it. The writer appends, so it need not know. */
async function boundLog(file: string): Promise<void> {
  try {
    const { size } = await stat(file);
    if (size < LOG_LIMIT_BYTES) return;
    await copyFile(file, `${file}.1`);
    await truncate(file, 0);
  } catch {
    // A log that cannot be bounded now is looked at again.
  }
}
