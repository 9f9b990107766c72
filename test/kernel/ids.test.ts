import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { systemClock, VirtualClock } from '../../core/kernel/clock.ts';
import { newId } from '../../core/kernel/ids.ts';
import { type Random, seededRandom, systemRandom } from '../../core/kernel/random.ts';

describe('an id', () => {
  test('names its kind and holds 48 bits of time and 80 of chance', () => {
    expect(newId('pay', systemClock, systemRandom)).toMatch(/^pay_[0-9a-hjkmnp-tv-z]{26}$/);
    const clock = new VirtualClock(new Date(0));
    const zeros: Random = { ...seededRandom(1), bytes: (n) => new Uint8Array(n) };
    expect(newId('x', clock, zeros)).toBe(`x_${'0'.repeat(26)}`);
    const ones: Random = { ...seededRandom(1), bytes: (n) => new Uint8Array(n).fill(255) };
    expect(newId('x', new VirtualClock(new Date(2 ** 48 - 1)), ones)).toBe(`x_7${'z'.repeat(25)}`);
  });

  test('that is made later sorts later, whatever the chance', () => {
    const ms = fc.integer({ min: 0, max: 2 ** 43 });
    fc.assert(
      fc.property(ms, fc.integer({ min: 1, max: 2 ** 43 }), fc.integer(), (at, later, seed) => {
        const random = seededRandom(seed);
        const [one, two] = [at, at + later].map((time) => newId('o', new VirtualClock(new Date(time)), random));
        expect(one !== undefined && two !== undefined && one < two).toBe(true);
      }),
    );
  });

  test('is made once: a hundred thousand in one millisecond are all different', () => {
    const clock = new VirtualClock(new Date('2026-11-11T00:00:00Z'));
    const ids = new Set(Array.from({ length: 100_000 }, () => newId('pay', clock, systemRandom)));
    expect(ids.size).toBe(100_000);
  });

  test('comes again from the same seed and time, so that a simulation can be replayed', () => {
    const run = (seed: number): string[] => {
      const [clock, random] = [new VirtualClock(new Date('2026-11-11T00:00:00Z')), seededRandom(seed)];
      return Array.from({ length: 20 }, () => newId('pay', clock, random));
    };
    expect(run(7)).toEqual(run(7));
    expect(run(7)).not.toEqual(run(8));
  });
});

describe.each([
  ['of the system', () => systemRandom],
  ['of a seed', () => seededRandom(42)],
])('randomness %s', (_, make) => {
  test('stays in its bounds and reaches all of them', () => {
    const random = make();
    const seen = new Set<number>();
    for (let i = 0; i < 20_000; i += 1) {
      const next = random.next();
      expect(next >= 0 && next < 1).toBe(true);
      seen.add(random.int(10));
    }
    expect([...seen].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(random.int(1)).toBe(0);
  });

  test('spreads evenly: no value of ten is off by a tenth in 100,000', () => {
    const random = make();
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 100_000; i += 1) {
      const at = random.int(10);
      counts[at] = (counts[at] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(1_000);
  });

  test('gives bytes of any length, none of them twice in a row', () => {
    const random = make();
    for (const length of [0, 1, 16, 8_191, 8_192, 8_193, 20_000]) expect(random.bytes(length)).toHaveLength(length);
    const bytes = Array.from({ length: 2_000 }, () => Buffer.from(random.bytes(16)).toString('hex'));
    expect(new Set(bytes).size).toBe(2_000);
  });
});
