import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { addMs, type Clock } from '../../core/kernel/clock.ts';
import { ClockSteppedBack, NoMachineNumber, OrderNumbers } from '../../core/kernel/order-number.ts';
import { type TestDatabase, testDatabase } from '../support/database.ts';

const NEVER = new AbortController().signal;
const START = new Date('2026-11-11T00:00:00Z');
const START_SECOND = START.getTime() / 1000;

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(async () => {
  await database?.[Symbol.asyncDispose]();
});
beforeEach(() => database.db.query({ text: 'DELETE FROM core.machine_number' }));

/** A clock that people may set to anything. */
class SetClock implements Clock {
  #now: Date;
  constructor(now = START) {
    this.#now = now;
  }
  now(): Date {
    return this.#now;
  }
  step(seconds: number): void {
    this.#now = addMs(this.#now, seconds * 1000);
  }
}

let made = 0;
const machine = (clock: Clock): OrderNumbers => new OrderNumbers(database.db, clock, `machine-${++made}`);

interface Parts {
  readonly second: number;
  readonly machine: number;
  readonly suffix: number;
  readonly sequence: number;
}
function partsOf(number: string): Parts {
  expect(number).toMatch(/^\d{19}$/);
  const [second, number3, suffix, sequence] = [
    number.slice(0, 10),
    number.slice(10, 13),
    number.slice(13, 16),
    number.slice(16),
  ];
  return { second: Number(second), machine: Number(number3), suffix: Number(suffix), sequence: Number(sequence) };
}

/** The leases run out, as they do a minute after their holder died. */
const expire = (): Promise<object[]> =>
  database.db.query({ text: `UPDATE core.machine_number SET lease_until = clock_timestamp() - interval '1 second'` });

describe('an order number', () => {
  test('is the second, the machine, the user’s last three digits and a sequence', async () => {
    const numbers = machine(new SetClock());
    expect(await numbers.next(42, NEVER)).toBe(`${START_SECOND}000042000`);
    expect(await numbers.next(1_042, NEVER)).toBe(`${START_SECOND}000042001`);
    expect(await numbers.next(900_000_000_007, NEVER)).toBe(`${START_SECOND}000007000`);
  });

  test('counts anew each second, a thousand per suffix, and waits for the next second when they are used up', async () => {
    const clock = new SetClock();
    const numbers = machine(clock);
    const first = await Promise.all(Array.from({ length: 1_000 }, () => numbers.next(7, NEVER)));
    expect(new Set(first.map((n) => partsOf(n).sequence)).size).toBe(1_000);
    let waited: string | null = null;
    const next = numbers.next(7, NEVER).then((number) => {
      waited = number;
    });
    // Another suffix is not held up.
    expect(partsOf(await numbers.next(8, NEVER))).toMatchObject({ second: START_SECOND, suffix: 8, sequence: 0 });
    expect(waited).toBeNull();
    clock.step(1);
    await next;
    expect(waited).toBe(`${START_SECOND + 1}000007000`);
  });

  test('stops waiting when its request is given up', async () => {
    const numbers = machine(new SetClock());
    await Promise.all(Array.from({ length: 1_000 }, () => numbers.next(7, NEVER)));
    const stop = new AbortController();
    const waiting = numbers.next(7, stop.signal);
    stop.abort(new Error('given up'));
    await expect(waiting).rejects.toThrow('given up');
  });

  test('is made once by many at once on several machines', async () => {
    const clock = new SetClock();
    const machines = Array.from({ length: 4 }, () => machine(clock));
    const all = await Promise.all(
      machines.flatMap((numbers) => Array.from({ length: 1_500 }, (_, i) => numbers.next(i % 3, NEVER))),
    );
    expect(new Set(all).size).toBe(6_000);
    expect(new Set(all.map((number) => partsOf(number).machine))).toEqual(new Set([0, 1, 2, 3]));
  });
});

describe('a clock that steps back', () => {
  test('is refused with how far it is behind, until it has caught up', async () => {
    const clock = new SetClock();
    const numbers = machine(clock);
    await numbers.next(7, NEVER);
    clock.step(-3);
    await expect(numbers.next(7, NEVER)).rejects.toThrow(/the clock is 3 s behind/);
    clock.step(2);
    await expect(numbers.next(7, NEVER)).rejects.toBeInstanceOf(ClockSteppedBack);
    clock.step(1);
    expect(partsOf(await numbers.next(7, NEVER))).toMatchObject({ second: START_SECOND, sequence: 1 });
  });

  test('across a restart makes no number again: seconds that were given out stay given out', async () => {
    const clock = new SetClock();
    const before = await Promise.all(Array.from({ length: 50 }, () => machine(clock)).map((m) => m.next(7, NEVER)));
    clock.step(-30);
    await expire();
    const after = await Promise.all(Array.from({ length: 50 }, () => machine(clock)).map((m) => m.next(7, NEVER)));
    clock.step(30);
    await expire();
    const again = await Promise.all(Array.from({ length: 50 }, () => machine(clock)).map((m) => m.next(7, NEVER)));
    expect(new Set([...before, ...after, ...again]).size).toBe(150);
  });

  test('by all machine numbers is refused, not worked around', async () => {
    await database.db.query({
      text: `INSERT INTO core.machine_number (number, holder, lease_until, high_second)
        SELECT n, 'dead', clock_timestamp() - interval '1 minute', $1 FROM generate_series(0, 999) n`,
      values: [START_SECOND + 5],
    });
    const clock = new SetClock();
    await expect(machine(clock).next(7, NEVER)).rejects.toThrow(/the clock is 6 s behind/);
    clock.step(6);
    expect(partsOf(await machine(clock).next(7, NEVER))).toMatchObject({ second: START_SECOND + 6, sequence: 0 });
  });
});

describe('a machine number', () => {
  test('goes to one holder at a time, and after its lease only behind the last second that was set aside', async () => {
    const clock = new SetClock();
    const dead = machine(clock);
    expect(partsOf(await dead.next(7, NEVER)).machine).toBe(0);
    expect(partsOf(await machine(clock).next(7, NEVER)).machine).toBe(1);
    await expire();
    // Up to ten seconds ahead the dead one may have given out without telling.
    expect(partsOf(await machine(clock).next(7, NEVER)).machine).toBe(2);
    await expire();
    clock.step(11);
    expect(partsOf(await machine(clock).next(7, NEVER))).toMatchObject({ machine: 0, second: START_SECOND + 11 });
  });

  test('that was taken over is not used again by the process that had it and was only asleep', async () => {
    const clock = new SetClock();
    const sleeper = machine(clock);
    await sleeper.next(7, NEVER);
    await expire();
    clock.step(60);
    const heir = machine(clock);
    expect(partsOf(await heir.next(7, NEVER)).machine).toBe(0);
    expect(partsOf(await sleeper.next(7, NEVER)).machine).toBe(1);
    expect(partsOf(await heir.next(7, NEVER))).toMatchObject({ machine: 0, sequence: 1 });
  });

  test('is kept over its lease by a process that goes on, and its seconds are set aside ahead', async () => {
    const clock = new SetClock();
    const numbers = machine(clock);
    for (let i = 0; i < 20; i += 1) {
      expect(partsOf(await numbers.next(7, NEVER))).toMatchObject({ machine: 0, second: START_SECOND + i * 7 });
      const [row] = await database.db.query<{ ahead: number; live: boolean }>({
        text: `SELECT high_second - $1 AS ahead, lease_until > clock_timestamp() + interval '20 seconds' AS live
          FROM core.machine_number WHERE number = 0`,
        values: [START_SECOND + i * 7],
      });
      expect(row?.ahead).toBeGreaterThanOrEqual(0);
      expect(row?.live).toBe(true);
      clock.step(7);
    }
  });

  test('of which all are held is refused with what to do, and asked for a bounded number of times', async () => {
    await database.db.query({
      text: `INSERT INTO core.machine_number (number, holder, lease_until, high_second)
        SELECT n, 'alive', clock_timestamp() + interval '1 hour', 0 FROM generate_series(0, 999) n`,
    });
    const refused = machine(new SetClock()).next(7, NEVER);
    await expect(refused).rejects.toBeInstanceOf(NoMachineNumber);
    await expect(refused).rejects.toThrow(/all 1000 machine numbers are leased/);
  });
});

test('whatever happens to clocks and processes, no number is made twice', async () => {
  const event = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        what: fc.constant('draw' as const),
        at: fc.nat({ max: 3 }),
        count: fc.integer({ min: 1, max: 30 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ what: fc.constant('step' as const), seconds: fc.integer({ min: -40, max: 40 }) }),
    },
    { weight: 2, arbitrary: fc.record({ what: fc.constant('restart' as const), at: fc.nat({ max: 3 }) }) },
    { weight: 1, arbitrary: fc.record({ what: fc.constant('expire' as const) }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(event, { minLength: 5, maxLength: 40 }), async (events) => {
      await database.db.query({ text: 'DELETE FROM core.machine_number' });
      const clock = new SetClock();
      const machines = Array.from({ length: 4 }, () => machine(clock));
      const seen = new Set<string>();
      let drawn = 0;
      for (const happened of events) {
        if (happened.what === 'step') clock.step(happened.seconds);
        else if (happened.what === 'expire') await expire();
        else if (happened.what === 'restart') machines[happened.at] = machine(clock);
        else {
          const draws = Array.from({ length: happened.count }, () => machines[happened.at]?.next(7, NEVER));
          for (const outcome of await Promise.allSettled(draws)) {
            if (outcome.status === 'rejected') {
              expect(outcome.reason).toBeInstanceOf(ClockSteppedBack);
              continue;
            }
            drawn += 1;
            seen.add(outcome.value ?? '');
          }
        }
      }
      expect(seen.size).toBe(drawn);
    }),
    { numRuns: 40 },
  );
}, 60_000);
