import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { GuardStatus } from '../../core/guard/live.ts';

export interface ChildState extends GuardStatus {
  readonly orderCreate: boolean;
}

/** An instance in a process of its own, on a data folder and a token. */
export class ChildInstance implements AsyncDisposable {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(env: {
    instance: string;
    dataDir: string;
    controlUrl: string;
    token: string;
  }): Promise<ChildInstance> {
    const child = fork(fileURLToPath(new URL('./instance.ts', import.meta.url)), {
      env: {
        PATH: process.env['PATH'],
        TIDEGATE_INSTANCE: env.instance,
        TIDEGATE_DATA_DIR: env.dataDir,
        TIDEGATE_CONTROL_URL: env.controlUrl,
        TIDEGATE_INSTANCE_TOKEN: env.token,
        TIDEGATE_LOG_LEVEL: 'error',
      },
      execArgv: [],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    await once(child, 'message');
    return new ChildInstance(child);
  }

  async state(): Promise<ChildState> {
    const answer = once(this.#child, 'message');
    this.#child.send('state');
    const [state] = (await answer) as [ChildState];
    return state;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Sends the signal and waits for the end. */
  async end(name: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill(name);
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL');
  }
}
