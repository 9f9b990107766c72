import { describe, expect, it } from 'vitest';
import { testDatabase } from '../support/database.ts';
import { type Outcome, simulate } from './sale/simulate.ts';

/** Twenty sales in virtual time; `npm run scenario` plays any number of them. */
const SEEDS = Array.from({ length: 20 }, (_, i) => i + 1);
const STEPS = 300;

async function play(seed: number): Promise<Outcome> {
  await using database = await testDatabase({ poolSize: 1 });
  return await simulate(database, seed, STEPS);
}

function tell({ seed, wrong, trace }: Outcome): string {
  return `npm run scenario -- --seed ${seed}\n${trace.slice(-25).join('\n')}\n${wrong}`;
}

describe('a sale in virtual time', () => {
  it.each(SEEDS)(
    'seed %i: safe after every step, and settled in the end',
    async (seed) => {
      const outcome = await play(seed);
      expect(outcome.wrong, tell(outcome)).toBeNull();
    },
    60_000,
  );

  it('the same seed makes the same trace', async () => {
    const [first, second] = [await play(7), await play(7)];
    expect(first.trace.length).toBeGreaterThan(100);
    expect(second.trace).toEqual(first.trace);
  }, 60_000);
});
