import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { overview } from '../control/api/contract.ts';
import { Client } from './client.ts';
import { explain, stackOf, told } from './explain.ts';
import { plainOverview } from './plain.ts';
import { loadSettings, preferProduction, terminalOf } from './settings.ts';

interface Options {
  readonly once?: boolean;
  readonly json?: boolean;
  readonly readonly?: boolean;
  readonly url?: string;
  readonly token?: string;
  readonly interval: number;
}

/** What `--once` and `--json` end with, so that scripts can ask. No verdict, for whatever reason, is `unknown`. */
const EXIT = { holds: 0, violated: 1, unknown: 2 } as const;

const program = new Command('npm run tui --')
  .description('the terminal of the on-call engineer')
  .option('--once', 'print the overview as text and end')
  .option('--json', 'print the overview as JSON, in the shape of GET /v1/overview, and end')
  .option('--readonly', 'nothing can be flipped; takes the viewer’s token')
  .option('--url <url>', 'control’s address (default: TIDEGATE_CONTROL_URL, else http://127.0.0.1:4600)')
  .option(
    '--token <token>',
    'a token; others can see it in the list of processes (default: TIDEGATE_TOKEN,\nelse tokens.json in TIDEGATE_DATA_DIR)',
  )
  .option('--interval <ms>', 'time between two looks, 200 to 5000', interval, 1_000)
  .addHelpText(
    'after',
    '\nExit codes of --once and --json: 0 every check holds, 1 one is violated, 2 it is not known (a check did not run\nor lags, control does not answer, the token is refused, bad usage). The screens end with 0 by q or Ctrl-C.\nNO_COLOR=1 switches the colours off.',
  )
  .exitOverride();

process.exitCode = await main();

function interval(text: string): number {
  const ms = Number(text);
  if (!Number.isInteger(ms) || ms < 200 || ms > 5_000) throw new InvalidArgumentError('It must be 200 to 5000.');
  return ms;
}

async function main(): Promise<number> {
  try {
    const options = program.parse().opts<Options>();
    const settings = loadSettings({ controlUrl: options.url, token: options.token });
    const client = new Client(settings.controlUrl, settings.token(options.readonly === true ? 'viewer' : 'operator'));
    if (options.json === true) return await printOnce(client, 'json');
    if (options.once === true) return await printOnce(client, 'text');
    const terminal = terminalOf();
    if (terminal.screens) {
      // Before React is loaded, which asks for it once.
      preferProduction();
      const { live } = await import('./live.tsx');
      const { interval: intervalMs, readonly: readOnly = false } = options;
      return await live(client, {
        url: settings.controlUrl,
        intervalMs,
        readonly: readOnly,
        colours: terminal.colours,
      });
    }
    process.stderr.write(`${terminal.why}: printing once, as --once does (or --json for programs)\n`);
    return await printOnce(client, 'text');
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.unknown;
    const trouble = explain(error);
    process.stderr.write(`${trouble === null ? stackOf(error) : told(trouble)}\n`);
    return EXIT.unknown;
  }
}

async function printOnce(client: Client, as: 'json' | 'text'): Promise<number> {
  // A reader that has seen enough (head) closes the pipe: that is no error of ours.
  process.stdout.on('error', () => process.exit(EXIT.unknown));
  const data = await client.call(overview, '/v1/overview');
  process.stdout.write(as === 'json' ? `${JSON.stringify(data, null, 2)}\n` : plainOverview(data));
  return EXIT[data.verdict];
}
