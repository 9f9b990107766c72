import { Bar, Presets } from 'cli-progress';
import { monotonicMs } from '../clock.ts';
import type { Stage } from './player.ts';

const TELL_EVERY_MS = 5_000;

/** A bar in a terminal; in a pipe a line now and then, without control characters. */
export function progress(stream: NodeJS.WriteStream): Stage & Disposable {
  return stream.isTTY ? new Bars(stream) : new Lines(stream);
}

/** Nothing is told. */
export const QUIET: Stage & Disposable = { begin: nothing, step: nothing, [Symbol.dispose]: nothing };

function nothing(): void {}

class Bars implements Stage, Disposable {
  readonly #stream: NodeJS.WriteStream;
  #bar: Bar | null = null;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  begin(what: string, total: number): void {
    this[Symbol.dispose]();
    const format = `${what.padEnd(8)} [{bar}] {value}/{total} · {duration_formatted}`;
    this.#bar = new Bar({ format, stream: this.#stream, hideCursor: true }, Presets.shades_classic);
    this.#bar.start(total, 0);
  }

  step(): void {
    this.#bar?.increment();
  }

  /** A bar that is not stopped redraws for ever and keeps the process alive. */
  [Symbol.dispose](): void {
    this.#bar?.stop();
    this.#bar = null;
  }
}

class Lines implements Stage, Disposable {
  readonly #stream: NodeJS.WriteStream;
  #what = '';
  #total = 0;
  #done = 0;
  #begunMs = 0;
  #toldMs = 0;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  begin(what: string, total: number): void {
    this.#what = what;
    this.#total = total;
    this.#done = 0;
    this.#begunMs = monotonicMs();
    this.#toldMs = this.#begunMs;
  }

  step(): void {
    this.#done += 1;
    const nowMs = monotonicMs();
    if (this.#done < this.#total && nowMs - this.#toldMs < TELL_EVERY_MS) return;
    this.#toldMs = nowMs;
    const seconds = Math.round((nowMs - this.#begunMs) / 1000);
    this.#stream.write(`${this.#what}: ${this.#done} of ${this.#total} after ${seconds} s\n`);
  }

  [Symbol.dispose](): void {}
}
