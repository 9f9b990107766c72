import { Command, InvalidArgumentError } from 'commander';
import { cloneDatabase, startCluster } from '../../support/cluster.ts';
import { type Outcome, simulate } from './simulate.ts';

/** `npm run scenario`: sales in virtual time, seed by seed. The exit code is 1 when a seed was not safe or did not settle. */
const program = new Command('scenario')
  .description('plays seeded sales in virtual time; see test/scenario/README.md')
  .option('--seeds <n>', 'how many', positive, 500)
  .option('--from <seed>', 'the first seed', positive, 1)
  .option('--seed <seed>', 'only this one, and print its trace', positive)
  .option('--steps <n>', 'things that happen before the healing', positive, 300)
  .option('--jobs <n>', 'seeds played at once', positive, 2);

const { seeds, from, seed, steps, jobs } = program.parse().opts<{
  seeds: number;
  from: number;
  seed?: number;
  steps: number;
  jobs: number;
}>();

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const note = (line: string): void => void process.stderr.write(`${line}\n`);

const wanted = seed === undefined ? Array.from({ length: seeds }, (_, i) => from + i) : [seed];
const taken = new Set<string>();
const bad: Outcome[] = [];
let played = 0;
let happened = 0;

await using server = await startCluster();
const left = wanted.values();
await Promise.all(
  Array.from({ length: Math.min(jobs, wanted.length) }, async () => {
    for (const next of left) {
      await using database = await cloneDatabase(server.cluster, { poolSize: 1 });
      tell(await simulate(database, next, steps));
    }
  }),
);
for (const { seed: failed, wrong } of bad) say(`seed ${failed}:\n${wrong}\nnpm run scenario -- --seed ${failed}\n`);
say(`${played} seeds, ${happened} steps, ${taken.size} transitions taken, ${bad.length} seeds failed`);
process.exitCode = bad.length === 0 ? 0 : 1;

function tell(outcome: Outcome): void {
  played += 1;
  happened += outcome.trace.length;
  for (const transition of outcome.taken) taken.add(transition);
  if (outcome.wrong !== null) bad.push(outcome);
  if (seed !== undefined) for (const line of outcome.trace) say(line);
  else if (outcome.wrong !== null) note(`seed ${outcome.seed} failed`);
  if (played % 25 === 0) note(`${played} of ${wanted.length} seeds, ${bad.length} failed`);
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 1_000_000)
    throw new InvalidArgumentError('a whole number from 1');
  return value;
}
