import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { Background } from '../../core/kernel/background.ts';
import { silent } from '../support/database.ts';

/** Work that goes on until it is told to end. */
function held() {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  return { work: () => promise, end: resolve, fail: reject };
}

describe('background work', () => {
  test('is waited for by idle, with what it kicks itself', async () => {
    const background = new Background(silent);
    const [first, second] = [held(), held()];
    const done: string[] = [];
    background.kick('first', async () => {
      await first.work();
      done.push('first');
      background.kick('second', async () => {
        await second.work();
        done.push('second');
      });
    });
    const idle = background.idle().then(() => done.push('idle'));
    expect(background.size).toBe(1);
    first.end();
    second.end();
    await idle;
    expect(done).toEqual(['first', 'second', 'idle']);
    expect(background.size).toBe(0);
  });

  test('is dropped and counted beyond its limit, and taken again when there is room', async () => {
    const background = new Background(silent, 2);
    const [one, two] = [held(), held()];
    let ran = 0;
    background.kick('one', one.work);
    background.kick('two', two.work);
    background.kick('three', async () => {
      ran += 1;
    });
    expect([background.size, background.dropped, ran]).toEqual([2, 1, 0]);
    one.end();
    two.end();
    await background.idle();
    background.kick('four', async () => {
      ran += 1;
    });
    await background.idle();
    expect([background.dropped, ran]).toEqual([1, 1]);
  });

  test('that fails is told in the log, with its name, and stops nobody', async () => {
    const lines: string[] = [];
    const log = pino({ level: 'warn' }, { write: (line: string) => lines.push(line) });
    const background = new Background(log);
    background.kick('drive a payment', async () => Promise.reject(new Error('the channel is away')));
    await background.idle();
    expect(lines.map((line) => JSON.parse(line) as Record<string, unknown>)).toMatchObject([
      { level: 40, work: 'drive a payment', err: { message: 'the channel is away' } },
    ]);
  });

  test('is told to stop at the end, waited for, and not begun any more', async () => {
    const background = new Background(silent);
    const ended: string[] = [];
    background.kick('long', async (signal) => {
      await new Promise((done) => signal.addEventListener('abort', done, { once: true }));
      ended.push('long');
    });
    await background[Symbol.asyncDispose]();
    expect(ended).toEqual(['long']);
    background.kick('late', async () => ended.push('late'));
    await background.idle();
    expect([ended, background.dropped]).toEqual([['long'], 1]);
  });
});
