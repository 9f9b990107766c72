import { ApiError, Unreachable } from '../client.ts';
import { monotonicMs, until } from '../clock.ts';

/** How long a server may be away, or say "later", before the replay gives up; a restart takes a few seconds. */
const PATIENCE_MS = 60_000;
const PAUSE_MAX_MS = 2_000;

/** A server stayed away, or kept saying "later", for longer than the replay waits. */
export class OutOfPatience extends Error {
  constructor(cause: Error) {
    super(`for ${PATIENCE_MS / 1000} s: ${cause.message}`, { cause });
    this.name = 'OutOfPatience';
  }
}

/**
 * Repeats what may be repeated until it is answered: every call here carries a key or changes nothing the second time, so
 * a lost answer, a 5xx or a 429 says nothing yet and is asked again. Throws `ApiError` for what the server refuses, and
 * `OutOfPatience`.
 */
export async function patiently<T>(signal: AbortSignal, call: () => Promise<T>): Promise<T> {
  const giveUpMs = monotonicMs() + PATIENCE_MS;
  for (let tries = 0; ; tries += 1) {
    try {
      return await call();
    } catch (error) {
      if (!isPassing(error)) throw error;
      if (monotonicMs() > giveUpMs) throw new OutOfPatience(error);
      await until(monotonicMs() + Math.min(PAUSE_MAX_MS, 50 * 2 ** Math.min(tries, 10)), signal);
    }
  }
}

function isPassing(error: unknown): error is Error {
  return error instanceof Unreachable || (error instanceof ApiError && (error.status === 429 || error.status >= 500));
}

/** A few at a time, in the order of the items; the first failure stops the others and is thrown. */
export async function inParallel<T>(
  items: readonly T[],
  width: number,
  signal: AbortSignal,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) {
      either.throwIfAborted();
      await work(item, either);
    }
  };
  const workers = Array.from({ length: Math.min(width, items.length) }, () =>
    worker().catch((error: unknown) => {
      failed.abort(error);
      throw error;
    }),
  );
  await Promise.allSettled(workers);
  either.throwIfAborted();
}
