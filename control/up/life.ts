import { monotonicMs } from '../../core/kernel/clock.ts';
import { exitCodeOf } from '../../core/kernel/process.ts';

/**
 * One Ctrl-C may arrive twice: the terminal sends it to every process of the group, and npm hands it on once more. A
 * person who means it presses again after that.
 */
const SAME_PRESS_MS = 500;

export interface Life {
  /** Fires at the first Ctrl-C, SIGTERM or hang-up. */
  readonly signal: AbortSignal;
  /** Runs as this process ends, however it ends short of kill -9: synchronous work only. */
  atExit(fn: () => void): void;
}

/**
 * The life of `up`, which is not that of a server: the first signal begins an ordered stop, the second ends everything at
 * once, and whatever ends this process ends those that it started.
 */
export async function live(say: (line: string) => void, main: (life: Life) => Promise<void>): Promise<never> {
  const stop = new AbortController();
  // Nobody reads any more (`npm start | tee log`, whose tee the same Ctrl-C has ended): everything is stopped in order all the same.
  process.stdout.on('error', () => undefined);
  const last: (() => void)[] = [];
  process.on('exit', () => {
    for (const fn of last.reverse()) fn();
  });
  let firstMs = 0;
  const onSignal = (name: string): void => {
    if (stop.signal.aborted) {
      if (monotonicMs() - firstMs < SAME_PRESS_MS) return;
      say(`${name} again: ending everything at once`);
      process.exit(1);
    }
    firstMs = monotonicMs();
    say(`${name}: stopping (again to end everything at once)`);
    stop.abort(new Error(name));
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => onSignal(name));
  const onFault = (error: unknown): void => {
    say(error instanceof Error ? (error.stack ?? error.message) : String(error));
    process.exit(1);
  };
  process.on('unhandledRejection', onFault);
  process.on('uncaughtException', onFault);
  try {
    await main({ signal: stop.signal, atExit: (fn) => void last.push(fn) });
    process.exit(0);
  } catch (error) {
    if (stop.signal.aborted) process.exit(0);
    const code = exitCodeOf(error);
    // What was foreseen is told in its own words; the rest needs its stack.
    const foreseen = code !== 1 || (error instanceof Error && error.name !== 'Error' && error.name !== 'TypeError');
    say(error instanceof Error ? (foreseen ? error.message : (error.stack ?? error.message)) : String(error));
    process.exit(code);
  }
}
