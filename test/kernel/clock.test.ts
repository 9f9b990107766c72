import { describe, expect, test } from 'vitest';
import { addMs, every, monotonicMs, after as once, sleep, VirtualClock } from '../../core/kernel/clock.ts';
import { eventually } from '../support/eventually.ts';

/** So many rounds of the event loop's timers. */
async function ticks(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await new Promise<void>((done) => void once(1, done));
}

describe('time', () => {
  test('that is virtual stands still until it is moved, and never steps back', () => {
    const start = new Date('2026-11-11T00:00:00Z');
    const clock = new VirtualClock(start);
    expect(clock.now()).toEqual(start);
    clock.advance(1_500);
    expect(clock.now()).toEqual(addMs(start, 1_500));
    expect(() => clock.advance(-1)).toThrow(/does not step back/);
    clock.now().setFullYear(1970);
    expect(clock.now()).toEqual(addMs(start, 1_500));
  });

  test('slept through ends at once and quietly with its signal, before or during', async () => {
    const stop = new AbortController();
    const minuteMs = 60_000;
    const beganMs = monotonicMs();
    const asleep = sleep(minuteMs, stop.signal);
    stop.abort(new Error('enough'));
    await asleep;
    await sleep(minuteMs, stop.signal);
    expect(monotonicMs() - beganMs).toBeLessThan(minuteMs / 2);
  });
});

describe('a timer', () => {
  test('that is disposed before its time never fires', async () => {
    const fired: string[] = [];
    once(1, () => fired.push('kept'));
    once(1, () => fired.push('disposed'))[Symbol.dispose]();
    once(30, () => fired.push('last'));
    await eventually(() => fired.includes('last'));
    expect(fired).toEqual(['kept', 'last']);
  });

  test('that repeats never runs twice at once, goes on after a slow run, and ends with its signal', async () => {
    const stop = new AbortController();
    let [running, most, runs] = [0, 0, 0];
    every(1, stop.signal, async () => {
      running += 1;
      most = Math.max(most, running);
      // Long enough for the timer to come round many times.
      await ticks(20);
      running -= 1;
      runs += 1;
    });
    await eventually(() => runs >= 4);
    stop.abort();
    await eventually(() => running === 0);
    const ended = runs;
    await ticks(20);
    expect([most, runs]).toEqual([1, ended]);
  });
});
