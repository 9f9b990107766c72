import { every, monotonicMs } from '../../core/kernel/clock.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../core/kernel/db/embedded.ts';
import type { Logger } from '../../core/kernel/log.ts';
import type { Tell } from './child.ts';
import type { Life } from './life.ts';

/** The database of this start: the embedded one, or the one that `DATABASE_URL` names. */
export interface UpDatabase {
  /** The application's role, and the owner's. */
  readonly appUrl: string;
  readonly ownerUrl: string;
  /** For the table: where it is. */
  readonly place: string;
  /** Whether it ends with us. */
  readonly ours: boolean;
  stop(): Promise<void>;
}

/** Somebody else's: it is used, never started or stopped. */
export function namedDatabase(appUrl: string, ownerUrl: string | undefined): UpDatabase {
  const { hostname, port, pathname } = new URL(appUrl);
  return {
    appUrl,
    ownerUrl: ownerUrl ?? appUrl,
    place: `${hostname}:${port === '' ? 5432 : port}${pathname}`,
    ours: false,
    stop: async () => undefined,
  };
}

export interface EmbeddedDeps {
  readonly dataDir: string;
  readonly port: number;
  readonly log: Logger;
  readonly life: Life;
  readonly tell: Tell;
}

const LOOK_MS = 500;
const RETRY_CAP_MS = 5_000;
const NEVER = new AbortController().signal;

/**
 * Our own, kept running: a server that dies is started again, and its pools connect anew. It ends with this process,
 * however far its start has come by then.
 */
export async function embeddedDatabase({ dataDir, port, log, life, tell }: EmbeddedDeps): Promise<UpDatabase> {
  const over = new AbortController();
  let pid: number | undefined;
  life.atExit(() => {
    if (pid !== undefined) quit(pid);
  });
  const onPid = (known: number): void => {
    pid = known;
  };
  // A start that is given up halfway would leave a server that nobody knows: it is let finish, and then stopped.
  const options = { dataDir, port, log, signal: NEVER, onPid };
  let server: EmbeddedPostgres = await startEmbeddedPostgres(options);
  let failures = 0;
  let notBeforeMs = 0;
  const revive = async (): Promise<void> => {
    if (life.signal.aborted || monotonicMs() < notBeforeMs || (await server.isRunning())) return;
    if (over.signal.aborted) return;
    tell('the database is gone; starting it again');
    try {
      // Its port stays what it was, because everybody has it in the URL.
      server = await startEmbeddedPostgres({ ...options, port: server.port });
      tell(`the database is back (pid ${server.pid})`);
      failures = 0;
    } catch (error) {
      // A full disk, for one: it is tried again, but not twice a second.
      failures += 1;
      notBeforeMs = monotonicMs() + Math.min(RETRY_CAP_MS, LOOK_MS * 2 ** failures);
      if (life.signal.aborted) return;
      tell(`the database could not be started: ${error instanceof Error ? error.message : error}`);
    }
  };
  let reviving = Promise.resolve();
  every(LOOK_MS, over.signal, () => {
    reviving = revive();
    return reviving;
  });
  return {
    appUrl: server.appUrl,
    ownerUrl: server.ownerUrl,
    place: `127.0.0.1:${server.port}`,
    ours: true,
    stop: async () => {
      over.abort();
      await reviving;
      await server[Symbol.asyncDispose]();
      pid = undefined;
    },
  };
}

/** Its immediate shutdown: its children end with it, and the next start recovers from the log. */
function quit(pid: number): void {
  try {
    process.kill(pid, 'SIGQUIT');
  } catch {
    // It is gone already.
  }
}
