import { readdir } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import { type Benchmark, machine } from './support/benchmark.ts';

/** `npm run bench -- NAME`: every other file of this folder is a benchmark, named by its id. */
const benchmarks = await loadBenchmarks();
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort(new Error(signal)));

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const note = (line: string): void => void process.stderr.write(`${line}\n`);

const program = new Command('bench')
  .description('measures against a yardstick in the same run; see test/bench/README.md')
  .action(() => {
    for (const { id, title } of benchmarks) say(`${id.padEnd(12)}${title}`);
  });

for (const benchmark of benchmarks) {
  const command = program
    .command(benchmark.id)
    .description(benchmark.title)
    .option('--rounds <n>', 'times to play the measured part; medians are told', positive, 3)
    .option('--seconds <n>', 'length of one measured part', positive, 6)
    .option('--profile <dir>', 'write CPU profiles of our processes into a folder')
    .option('--json', 'print the figures as JSON', false)
    .action(async (options: Options & Record<string, unknown>) => {
      const { rounds, seconds, profile, json } = options;
      const on = machine();
      const peer = benchmark.peer === undefined ? [] : ((options[benchmark.peer] as string[] | undefined) ?? []);
      const report = await benchmark.run({ rounds, seconds, note, signal: stop.signal, profileDir: profile, peer });
      if (json) return say(JSON.stringify({ benchmark: benchmark.id, machine: on, ...report.figures }, null, 2));
      say(`${benchmark.id} on ${on.cores} cores of ${on.cpu}, ${on.memoryGb} GB, Node ${on.node}`);
      for (const line of report.lines) say(line);
    });
  if (benchmark.peer !== undefined)
    command.option(
      `--${benchmark.peer} <files...>`,
      `SQL files of ${benchmark.peer}, in their order, to measure beside`,
    );
}

interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly profile?: string;
  readonly json: boolean;
}

await program.parseAsync(process.argv).catch((error: unknown) => {
  note(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exitCode = 1;
});

async function loadBenchmarks(): Promise<readonly Benchmark[]> {
  const files = (await readdir(import.meta.dirname)).filter((file) => file.endsWith('.ts') && file !== 'main.ts');
  return Promise.all(
    files.sort().map(async (file) => {
      const module = (await import(`./${file}`)) as { readonly default?: Benchmark };
      const id = file.slice(0, -'.ts'.length);
      if (module.default?.id !== id) throw new Error(`${file} must export the benchmark "${id}" as its default`);
      return module.default;
    }),
  );
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 600) throw new InvalidArgumentError('a whole number, 1 to 600');
  return value;
}
