import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Bar, Presets } from 'cli-progress';
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { Client } from '../client.ts';
import { type Books, closeBooks } from '../replay/closing.ts';
import { type Plan, planReplay, type Tally } from '../replay/plan.ts';
import { type Performance, play } from '../replay/player.ts';
import type { CommandContext } from './command.ts';

interface Options {
  readonly speed: number;
  readonly shoppers: number;
  readonly json?: boolean;
}

/** `replay FILE`: plays a public Online Retail file as carts, orders and payments, and compares the books at the end. */
export default function replay(program: Command, context: CommandContext): void {
  program
    .command('replay')
    .description(
      'play a file of the public Online Retail format through the HTTP API; money in must be money accounted',
    )
    .argument('<file>', 'CSV: InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country')
    .option('--speed <n>', 'times real time; 0 is as fast as the shoppers can', number(0, 1e9), 0)
    .option('--shoppers <n>', 'shoppers at once', number(1, 256), 16)
    .option('--json', 'the summary as JSON')
    .action(async (file: string, options: Options) => {
      const plan = await planReplay(file);
      const { settings, signal } = context;
      const shop = new Client(settings.coreUrl, settings.token('shop'));
      const merchant = new Client(settings.coreUrl, settings.token('merchant'));
      const channel = new Client(settings.sandboxUrl, null);
      const control = new Client(settings.controlUrl, settings.token('viewer'));
      const bars = progress(plan, options.json === true);
      const performance = await play(
        plan,
        { shop, merchant, channel },
        {
          speed: options.speed,
          shoppers: options.shoppers,
          runKey: await digestOf(file),
          signal,
          onProgress: bars.update,
        },
      );
      bars.stop();
      const books = await closeBooks(performance.played, { shop, channel, control }, { deadlineMs: 120_000, signal });
      if (options.json === true)
        context.print(JSON.stringify({ tally: plan.tally, books, refused: performance.refused }, null, 2));
      else context.print(summary(plan.tally, performance, books));
      context.exitCode = balanced(plan.tally, performance, books) ? 0 : 1;
    });
}

function number(min: number, max: number) {
  return (text: string): number => {
    const value = Number(text);
    if (text.trim() === '' || !(value >= min && value <= max))
      throw new InvalidArgumentError(`must be a number from ${min} to ${max}`);
    return value;
  };
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex').slice(0, 12);
}

function progress(plan: Plan, quiet: boolean) {
  const codes = new Set([...plan.skus.values()].map((sku) => sku.stockCode)).size;
  let bar: Bar | undefined;
  let phase = '';
  const totals = { products: codes, invoices: plan.invoices.length };
  return {
    update: (done: { what: 'products' | 'invoices'; count: number }): void => {
      if (quiet) return;
      if (phase !== done.what) {
        bar?.stop();
        phase = done.what;
        const format = `${done.what.padEnd(8)} [{bar}] {value}/{total} · {duration_formatted}`;
        bar = new Bar(
          { format, stream: process.stderr, noTTYOutput: true, notTTYSchedule: 5_000 },
          Presets.shades_classic,
        );
        bar.start(totals[done.what], done.count);
      }
      bar?.update(done.count);
    },
    stop: (): void => bar?.stop(),
  };
}

function balanced(tally: Tally, performance: Performance, books: Books): boolean {
  const { moneyIn, accounted, channel } = books;
  return (
    performance.refused.length === 0 &&
    moneyIn === tally.purchaseWorth &&
    moneyIn === accounted &&
    accounted === channel &&
    books.fulfilled === performance.played.length &&
    books.openFindings === 0
  );
}

function pounds(minor: number): string {
  const text = (Math.abs(minor) / 100).toFixed(2).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
  return `${minor < 0 ? '−' : ''}${text} GBP`;
}

function summary(tally: Tally, performance: Performance, books: Books): string {
  const { played, refused } = performance;
  const findings = books.openFindings === null ? 'not asked' : String(books.openFindings);
  return [
    `${tally.lines} lines in ${tally.invoices} invoices:`,
    `  ${tally.purchases} purchases worth ${pounds(tally.purchaseWorth)} (${tally.guests} by guests; ${tally.freeLines} free lines, ${tally.chargeLines} lines of charges)`,
    `  ${tally.cancellations} cancellations, not played: ${tally.cancellationLines} lines worth ${pounds(tally.cancellationWorth)}`,
    `  ${tally.withoutPaidLine} invoices without a paid line, not played: ${tally.withoutPaidLineLines} lines`,
    `  ${tally.negativeLines} negative lines outside cancellations, not played (stock adjustments)`,
    `Played: ${played.length} paid, ${books.fulfilled} of them fulfilled, ${refused.length} refused`,
    ...refused.slice(0, 10).map((r) => `  ${r.invoiceNo}: ${r.reason}`),
    `  money in          ${pounds(books.moneyIn)}`,
    `  money accounted   ${pounds(books.accounted)}`,
    `  channel's truth   ${pounds(books.channel)}`,
    `  open findings     ${findings}`,
    balanced(tally, performance, books) ? '✔ the books agree to the penny' : '✘ the books do not agree, see above',
  ].join('\n');
}
