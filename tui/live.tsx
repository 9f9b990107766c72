import { render } from 'ink';
import { App } from './app.tsx';
import type { Client } from './client.ts';
import { stackOf } from './explain.ts';
import { Feed } from './feed.ts';
import { Flipper } from './flip.ts';

export interface LiveOptions {
  readonly url: string;
  readonly intervalMs: number;
  readonly readonly: boolean;
  readonly colours: boolean;
}

const CRASHED = 1;
/** As shells tell an end by a signal. */
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** Runs the screens. The terminal gets its own screen and modes back whatever ends the program, short of kill -9. */
export async function live(client: Client, { intervalMs, ...look }: LiveOptions): Promise<never> {
  const feed = new Feed(client, { intervalMs });
  const flipper = new Flipper(client);
  const app = render(<App feed={feed} flipper={flipper} {...look} />, {
    alternateScreen: true,
    incrementalRendering: true,
    exitOnCtrlC: false,
    // What is a terminal was asked before; by itself ink would take CI=true for none.
    interactive: true,
  });
  let code = 0;
  let crash: unknown;
  const end = (exitCode: number): void => {
    code = exitCode;
    app.unmount();
  };
  // Not `once`: ink has a listener too, and kills the process when it finds itself the only one.
  for (const [signal, exitCode] of Object.entries(SIGNALS)) process.on(signal, () => end(exitCode));
  // The terminal is gone: there is nobody to draw for.
  process.stdout.on('error', () => end(CRASHED));
  const onCrash = (error: unknown): void => {
    crash ??= error;
    end(CRASHED);
  };
  process.on('uncaughtException', onCrash);
  process.on('unhandledRejection', onCrash);
  feed.start();
  try {
    await app.waitUntilExit();
  } catch (error) {
    crash ??= error;
    code = CRASHED;
  } finally {
    feed.stop();
  }
  // The terminal is the shell's again from here on.
  if (crash !== undefined) process.stderr.write(`the terminal ended by a fault of its own:\n${stackOf(crash)}\n`);
  for (const key of flipper.pending) {
    process.stderr.write(`not known whether ${key} was flipped: look at the switch (npm run tui -- --once)\n`);
  }
  // Whatever is still under way, such as an answer that nobody waits for, does not keep the shell waiting.
  process.exit(code);
}
