import { writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Logger as PinoLogger, pino } from 'pino';
import type { Config } from './config.ts';
import { currentTraceId } from './tracing.ts';

export type Logger = PinoLogger;

/** Where lines go. Tests hand in their own; processes write to standard output. */
export interface LineSink {
  write(line: string): void;
}

/**
 * Members whose values are never written, at any depth of a line. Every repetition is bounded: a line may quote what
 * somebody sent, and must not be able to cost more than its length.
 */
const SECRET_MEMBER =
  /"([^"\\]{0,60}(?:authorization|password|passwd|secret|token|cookie|api[-_]?key))":(?:"(?:[^"\\]|\\.)*"|\[[^\]]*\])/gi;
/** Secrets that stand inside some other text, such as an error message that quotes its connection string. */
const SECRET_TEXT: readonly (readonly [RegExp, string])[] = [
  // `scheme://user:password@`; what looks like `host:port/` is none.
  [/\b([a-z][a-z0-9+.-]{1,20}:\/\/[^\s:/@"\\]{0,200}):(?!\d{1,5}[/?#"])[^\s@"\\]{1,500}@/gi, '$1:***@'],
  [/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]+/gi, '$1 ***'],
  [/\b(tg_[0-9a-z]{1,40})_[A-Za-z0-9_-]{20,}/g, '$1_***'],
  [/\bwhsec_[A-Za-z0-9+/=]+/g, 'whsec_***'],
];

/** Takes secrets out of a finished line. Working on the text and not on paths, it reaches any depth and any message. */
export function redact(line: string): string {
  let clean = line.replace(SECRET_MEMBER, '"$1":"***"');
  for (const [pattern, replacement] of SECRET_TEXT) clean = clean.replace(pattern, replacement);
  return clean;
}

/**
 * One JSON line per event on standard output, with the trace id of the request it belongs to; in a terminal the same
 * lines for people. Lines are written before the call returns, so that the last words of a dying process arrive.
 */
export function createLogger(
  processName: string,
  config: Pick<Config, 'logLevel' | 'instance'>,
  sink: LineSink = standardOutput(),
): Logger {
  return pino(
    {
      level: config.logLevel,
      base: { process: processName, instance: config.instance, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      mixin: () => {
        const traceId = currentTraceId();
        return traceId === undefined ? {} : { traceId };
      },
      serializers: { err: pino.stdSerializers.errWithCause, error: pino.stdSerializers.errWithCause },
      hooks: { streamWrite: redact },
    },
    sink,
  );
}

function standardOutput(): LineSink {
  if (!process.stdout.isTTY) return new LineWriter((bytes) => writeSync(STDOUT, bytes));
  // Loaded only where somebody looks: it is the slowest import of a starting process.
  const pretty = createRequire(import.meta.url)('pino-pretty') as typeof import('pino-pretty');
  return pretty({ colorize: true, ignore: 'pid,process,instance', translateTime: 'SYS:HH:MM:ss.l', sync: true });
}

const STDOUT = 1;
/** How long a reader that is slower than we are is waited for, line by line. */
const SLOW_READER_MS = 1_000;
const SLOW_READER_LOOK_MS = 5;

/**
 * Writes lines at once, and whole. A line that cannot be written (the disk is full, nobody reads any more) is dropped, and
 * the next one that can be says how many were: a process must neither break nor grow because its log is not taken.
 */
export class LineWriter implements LineSink {
  readonly #write: (bytes: Uint8Array) => number;
  #dropped = 0;
  /** The last line broke off: the next begins on a line of its own. */
  #torn = false;

  constructor(write: (bytes: Uint8Array) => number) {
    this.#write = write;
  }

  write(line: string): void {
    const lost =
      this.#dropped === 0
        ? ''
        : `${JSON.stringify({ level: 'warn', msg: `${this.#dropped} lines of this log could not be written` })}\n`;
    if (this.#put(`${this.#torn ? '\n' : ''}${lost}${line}`)) this.#dropped = 0;
    else this.#dropped += 1;
  }

  #put(text: string): boolean {
    let rest = Buffer.from(text);
    let patienceMs = SLOW_READER_MS;
    while (rest.length > 0) {
      try {
        rest = rest.subarray(this.#write(rest));
        this.#torn = rest.length > 0;
      } catch (error) {
        if (!isBusy(error) || patienceMs <= 0) return false;
        patienceMs -= SLOW_READER_LOOK_MS;
        Atomics.wait(NOBODY, 0, 0, SLOW_READER_LOOK_MS);
      }
    }
    return true;
  }
}

/** Waited on, never woken: how a line that must be out before the call returns waits. */
const NOBODY = new Int32Array(new SharedArrayBuffer(4));

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EAGAIN';
}
