import { Command, InvalidArgumentError } from 'commander';
import { render } from 'ink';
import { type Overview, overview } from '../control/api/contract.ts';
import { App } from './app.tsx';
import { ApiError, Client, Unreachable } from './client.ts';
import { Feed } from './feed.ts';
import { plainOverview } from './plain.ts';
import { loadSettings, SettingsError, standardOutputIsTerminal } from './settings.ts';

interface Options {
  readonly once?: boolean;
  readonly json?: boolean;
  readonly readonly?: boolean;
  readonly url?: string;
  readonly token?: string;
  readonly interval: number;
}

/** What `--once` and `--json` end with, so that scripts can ask. */
const EXIT = { holds: 0, violated: 1, unknown: 2 } as const;

const program = new Command('tidegate tui')
  .description('the terminal of the on-call engineer; exit codes of --once and --json: 0 holds, 1 violated, 2 unknown')
  .option('--once', 'print the overview as text and end')
  .option('--json', 'print the overview as JSON and end')
  .option('--readonly', 'never offer to flip anything')
  .option('--url <url>', 'control’s address (TIDEGATE_CONTROL_URL)')
  .option('--token <token>', 'a token (TIDEGATE_TOKEN, else tokens.json of the data folder)')
  .option('--interval <ms>', 'time between two looks', interval, 1_000);

process.exitCode = await main(program.parse().opts<Options>());

function interval(text: string): number {
  const ms = Number(text);
  if (!Number.isInteger(ms) || ms < 200 || ms > 60_000) throw new InvalidArgumentError('must be 200 to 60000');
  return ms;
}

async function main(options: Options): Promise<number> {
  try {
    const settings = loadSettings({ controlUrl: options.url, token: options.token });
    const client = new Client(settings.controlUrl, settings.token(options.readonly === true ? 'viewer' : 'operator'));
    const terminal = standardOutputIsTerminal() && process.stdin.isTTY === true;
    if (options.json === true || options.once === true || !terminal) {
      if (options.json !== true && options.once !== true)
        process.stderr.write('this is no terminal: printing once (--once)\n');
      return await printOnce(client, options.json === true);
    }
    return await live(client, settings.controlUrl, options);
  } catch (error) {
    const known = error instanceof SettingsError || error instanceof Unreachable || error instanceof ApiError;
    process.stderr.write(`${known ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
    return 2;
  }
}

async function printOnce(client: Client, json: boolean): Promise<number> {
  const data: Overview = await client.call(overview, '/v1/overview');
  process.stdout.write(json ? `${JSON.stringify(data, null, 2)}\n` : plainOverview(data));
  return EXIT[data.verdict];
}

/** Runs the screens. The terminal gets its own screen back whatever ends the program. */
async function live(client: Client, url: string, options: Options): Promise<number> {
  const feed = new Feed(client, options.interval);
  const app = render(<App feed={feed} client={client} url={url} readonly={options.readonly === true} />, {
    alternateScreen: true,
    incrementalRendering: true,
    exitOnCtrlC: false,
  });
  let code = 0;
  const end = (exitCode: number) => (): void => {
    code = exitCode;
    app.unmount();
  };
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT'] as const) process.once(signal, end(0));
  process.stdout.once('error', end(1));
  const crash = (error: unknown): void => {
    end(1)();
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  };
  process.once('uncaughtException', crash);
  process.once('unhandledRejection', crash);
  feed.start();
  await app.waitUntilExit();
  feed.stop();
  return code;
}
