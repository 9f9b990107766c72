import { type Config, loadConfig, type ProcessName } from './config.ts';
import { createLogger, type Logger } from './log.ts';
import { startTracing } from './tracing.ts';

export interface ProcessContext {
  readonly name: ProcessName;
  readonly config: Config;
  readonly log: Logger;
  /** Fires at SIGINT, SIGTERM, or when the parent that started us is gone. */
  readonly signal: AbortSignal;
}

/** Time from the wish to stop until the process is ended whether it is done or not: above the drain of `serve`. */
const STOP_DEADLINE_MS = 15_000;

/** 0 done; 1 broke; 2 configuration; 3 port taken; 4 database unreachable or its schema refused. */
export function exitCodeOf(error: unknown): number {
  for (let e: unknown = error, depth = 0; e instanceof Error && depth < 5; e = e.cause, depth += 1) {
    const { exitCode } = e as Error & { exitCode?: unknown };
    if (typeof exitCode === 'number' && exitCode >= 1 && exitCode <= 125) return exitCode;
    if (e.name === 'DatabaseUnavailable') return 4;
  }
  return 1;
}

/**
 * The life of a server process. `main` runs until it returns or the signal fires, and closes what it opened
 * (`await using`). Never returns: it exits with the code of what happened.
 */
export async function runProcess(name: ProcessName, main: (context: ProcessContext) => Promise<void>): Promise<never> {
  const config = configOrExit(name);
  const log = createLogger(name, config);
  const stop = new AbortController();
  watchSignals(log, stop);
  watchFaults(log);
  let code = 0;
  try {
    await using _tracing = await startTracing(name, config);
    await main({ name, config, log, signal: stop.signal });
    log.info(`${name} stopped`);
  } catch (error) {
    code = exitCodeOf(error);
    // An expected end is one line for a person; a broken one needs its stack.
    if (code === 1) log.fatal({ err: error }, `${name} broke`);
    else log.fatal(error instanceof Error ? error.message : String(error));
  }
  process.exit(code);
}

/** Settles when the signal fires: the last line of most mains. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function configOrExit(name: ProcessName): Config {
  try {
    return loadConfig(name);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(exitCodeOf(error));
  }
}

function watchSignals(log: Logger, stop: AbortController): void {
  const onStop = (why: string): void => {
    if (stop.signal.aborted) {
      log.warn(`${why} again: stopping at once`);
      process.exit(1);
    }
    log.info(`${why}: stopping`);
    stop.abort(new Error(why));
    setTimeout(() => {
      log.fatal(`did not stop within ${STOP_DEADLINE_MS} ms`);
      process.exit(1);
    }, STOP_DEADLINE_MS).unref();
  };
  process.on('SIGINT', () => onStop('SIGINT'));
  process.on('SIGTERM', () => onStop('SIGTERM'));
  // Started by `up`: when it dies, even by kill -9, the channel closes and nobody else would stop us.
  if (process.send !== undefined) {
    process.once('disconnect', () => {
      if (!stop.signal.aborted) onStop('the parent is gone');
    });
  }
}

function watchFaults(log: Logger): void {
  const onFault = (what: string) => (error: unknown) => {
    log.fatal({ err: error }, what);
    process.exit(1);
  };
  process.on('unhandledRejection', onFault('a promise was rejected and nobody listened'));
  process.on('uncaughtException', onFault('an exception was not caught'));
}
