/* The terminal's and the command line's only sense of time. They know no kernel, so they have a clock of their own. */

/** Milliseconds on a clock that never steps back: for durations and time-outs. */
export function monotonicMs(): number {
  return performance.now();
}

/** Waits until a moment of `monotonicMs`; rejects with the signal's reason. */
export async function until(atMs: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const ms = atMs - monotonicMs();
  if (ms <= 0) return;
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      signal.removeEventListener('abort', stop);
      resolve();
    }
    function stop(): void {
      clearTimeout(timer);
      reject(signal.reason);
    }
    signal.addEventListener('abort', stop, { once: true });
  });
}

/** Calls `fn` once after `ms`; disposed before that, never. */
export function after(ms: number, fn: () => void): Disposable {
  const timer = setTimeout(fn, ms);
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}

/** Calls `fn` every `ms` until it is disposed. */
export function every(ms: number, fn: () => void): Disposable {
  const timer = setInterval(fn, ms);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
