import { setTimeout as delay } from 'node:timers/promises';

/** Calls `fn` until it neither throws nor returns false, or fails with its last reason when the time is up. */
export async function eventually<T>(
  fn: () => T | Promise<T>,
  options: { timeoutMs?: number; everyMs?: number } = {},
): Promise<T> {
  const deadline = performance.now() + (options.timeoutMs ?? 10_000);
  for (;;) {
    let reason: unknown = new Error('it stayed false');
    try {
      const value = await fn();
      if (value !== false) return value;
    } catch (error) {
      reason = error;
    }
    if (performance.now() > deadline) throw reason;
    await delay(options.everyMs ?? 20);
  }
}
