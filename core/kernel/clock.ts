import { setTimeout as delay } from 'node:timers/promises';

/**
 * Business time. Deadlines compare with `now()` handed to SQL as a parameter, so that a simulation can move time by
 * hand; row leases use the database's own clock instead, because they must agree between replicas.
 */
export interface Clock {
  now(): Date;
}

export const systemClock: Clock = { now: () => new Date() };

/** A clock that stands still until it is moved. */
export class VirtualClock implements Clock {
  #nowMs: number;

  constructor(start: Date) {
    this.#nowMs = start.getTime();
  }

  now(): Date {
    return new Date(this.#nowMs);
  }

  advance(ms: number): void {
    if (ms < 0) throw new Error('a virtual clock does not step back; use a new one to test that');
    this.#nowMs += ms;
  }
}

/** Milliseconds on a clock that never steps back: for durations and time-outs, not for business time. */
export function monotonicMs(): number {
  return performance.now();
}

/** Resolves after `ms`, or at once and quietly when `signal` fires. Callers look at the signal, not at the outcome. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  try {
    await delay(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Calls `fn` once after `ms`; disposed before that, never. The timer does not keep the process alive. */
export function after(ms: number, fn: () => void): Disposable {
  const timer = setTimeout(fn, ms);
  timer.unref();
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}

export function addMs(date: Date, ms: number): Date {
  return new Date(date.getTime() + ms);
}

/** Calls `fn` every `ms` until `signal` fires, never two at once; the timer does not keep the process alive. */
export function every(ms: number, signal: AbortSignal, fn: () => Promise<void>): void {
  const timer = setInterval(() => {
    if (running) return;
    running = true;
    void fn().finally(() => {
      running = false;
    });
  }, ms);
  let running = false;
  timer.unref();
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}
