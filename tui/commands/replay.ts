import { type Command, InvalidArgumentError, Option } from 'commander';
import { ApiError, Client, Unreachable } from '../client.ts';
import { CommandError } from '../command-error.ts';
import { BadLine } from '../replay/bad-line.ts';
import { askChecks, closeBooks } from '../replay/closing.ts';
import { OutOfPatience } from '../replay/pace.ts';
import { type Plan, planReplay } from '../replay/plan.ts';
import { type Cast, type Performance, play } from '../replay/player.ts';
import { progress, QUIET } from '../replay/progress.ts';
import { demandReady } from '../replay/ready.ts';
import { agrees, type Closing, describe, summary, summaryJson } from '../replay/summary.ts';
import type { CommandContext } from './command.ts';

interface Options {
  readonly speed: number;
  readonly shoppers: number;
  readonly json?: boolean;
  readonly dryRun?: boolean;
}

const HELP = `
Every purchase becomes an order that is paid and shipped. What is no purchase
(cancellations, invoices without a paid line) is counted by kind and not played.
The whole file is read first: a bad line is found before anything is done.

Every call carries a key made of the file's content: a replay that was stopped
goes on when it is run again, and a second run changes nothing.

Tokens (shop, merchant, viewer) come from tokens.json in TIDEGATE_DATA_DIR, or
TIDEGATE_TOKEN, which must be an admin's. Servers: TIDEGATE_CORE_URL,
TIDEGATE_SANDBOX_URL, TIDEGATE_CONTROL_URL.

Exit codes:
  0    money in = money accounted = the channel's truth, and no finding
  1    they differ, an invoice was refused, or the checks are not known to hold
  2    bad usage, a bad file, or a server that does not answer
  130  stopped by Ctrl-C (143 by SIGTERM)`;

/** How long parcels may take after the last payment, and checks after the last parcel. */
const PARCELS_MS = 120_000;
const CHECKS_MS = 30_000;

/** `replay FILE`: plays a public Online Retail file as orders, payments and shipments, and compares the books at the end. */
export default function replay(program: Command, context: CommandContext): void {
  program
    .command('replay')
    .description(
      'play a file of the public Online Retail format through the HTTP API; money in must be money accounted',
    )
    .argument('<file>', 'CSV: InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country')
    .addOption(
      new Option('--speed <n>', 'times real time, such as 3600 (an hour a second); max: as fast as shoppers can')
        .argParser(speed)
        .default(Number.POSITIVE_INFINITY, 'max'),
    )
    .option('--shoppers <n>', 'shoppers at once, 1 to 256', shoppers, 16)
    .option('--dry-run', 'only read the file and say what it holds')
    .option('--json', 'the summary as JSON, amounts in pence')
    .addHelpText('after', HELP)
    .action(async (file: string, options: Options) => run(file, options, context));
}

async function run(file: string, options: Options, context: CommandContext): Promise<void> {
  const { settings, signal } = context;
  const plan = await readPlan(file, signal);
  if (options.dryRun === true) {
    context.print(options.json === true ? JSON.stringify(plan.tally, null, 2) : describe(plan.tally).join('\n'));
    return;
  }
  const cast: Cast & { readonly control: Client } = {
    shop: new Client(settings.coreUrl, settings.token('shop')),
    merchant: new Client(settings.coreUrl, settings.token('merchant')),
    channel: new Client(settings.sandboxUrl, null),
    control: new Client(settings.controlUrl, settings.token('viewer')),
  };
  await demandReady(cast, signal);
  const performance: Performance = { played: [], refused: [] };
  const closing = await perform(plan, cast, performance, options, signal).catch((error: unknown) => {
    throw whatStopped(error, plan, performance, signal);
  });
  context.print(options.json === true ? summaryJson(closing) : summary(closing));
  context.exitCode = agrees(closing) ? 0 : 1;
}

async function perform(
  plan: Plan,
  cast: Cast & { readonly control: Client },
  performance: Performance,
  options: Options,
  signal: AbortSignal,
): Promise<Closing> {
  using stage = options.json === true ? QUIET : progress(process.stderr);
  await play(plan, cast, performance, { speed: options.speed, shoppers: options.shoppers, signal, stage });
  stage.begin('books', performance.played.length);
  const books = await closeBooks(performance.played, cast, {
    patienceMs: PARCELS_MS,
    signal,
    onRead: () => stage.step(),
  });
  const verdict = await askChecks(cast.control, { patienceMs: CHECKS_MS, signal });
  return { tally: plan.tally, performance, books, verdict };
}

async function readPlan(file: string, signal: AbortSignal): Promise<Plan> {
  try {
    return await planReplay(file, signal);
  } catch (error) {
    if (error instanceof BadLine) throw new CommandError(error.message);
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT') throw new CommandError(`there is no file ${file}`);
    if (code === 'EISDIR') throw new CommandError(`${file} is a folder; name a CSV file in it`);
    if (code === 'EACCES') throw new CommandError(`${file} may not be read by this user`);
    throw error;
  }
}

/** Says how far it came, and that running it again goes on from there. */
function whatStopped(error: unknown, plan: Plan, { played, refused }: Performance, signal: AbortSignal): unknown {
  const reason = signal.aborted ? signal.reason : error;
  const expected = [CommandError, OutOfPatience, Unreachable, ApiError].some((kind) => reason instanceof kind);
  if (!expected) return error;
  const why = signal.aborted ? reason.message : `gave up: ${reason.message}`;
  const before = `${played.length} of ${plan.invoices.length} invoices were paid${refused.length > 0 ? `, ${refused.length} refused` : ''}`;
  return new CommandError(
    `${why}; ${before}. Run the same command again to go on: what is paid stays paid, and nothing is done twice.`,
  );
}

function speed(text: string): number {
  if (text === 'max') return Number.POSITIVE_INFINITY;
  const value = Number(text);
  if (text.trim() === '' || !(value > 0 && value <= 1e9))
    throw new InvalidArgumentError('must be a number above 0, such as 3600, or max');
  return value;
}

function shoppers(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > 256)
    throw new InvalidArgumentError('must be a whole number from 1 to 256');
  return value;
}
