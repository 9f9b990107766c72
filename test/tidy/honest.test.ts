import { describe, expect, it } from 'vitest';
import { findDishonesty, findSleeps } from './honest.ts';
import { placesOf, sourcesOf } from './plant.ts';

describe('types that do not tell the truth', () => {
  const toldOf = (code: string, path = 'core/a/b.ts'): string[] =>
    placesOf(findDishonesty(sourcesOf({ [path]: code })));

  it.each([
    ['let x: any;', '`any`'],
    ['function f(x: Record<string, any>) {}', '`any`'],
    ['const x = y as any;', '`any`'],
    ['const x = y as unknown as Z;', 'as unknown as'],
    ['const x = (y as unknown) as Z;', 'as unknown as'],
    ['const x = y as never;', 'as never'],
    ['const x = <Z>y;', 'a cast in angle brackets'],
    ['const x = y!.z;', 'non-null `!`'],
    ['console.log(x);', 'console.log'],
    ['console.error(x);', 'console.error'],
  ])('%s', (code, told) => {
    expect(toldOf(code)).toEqual([`core/a/b.ts:1 ${told}`]);
  });

  it.each([
    'let x: unknown;',
    'const x = y as Z;',
    'const x = [] as const;',
    'const x = y as unknown;',
    'const rows = body.items as unknown[];',
    'const any = 5; call(any);',
    'const x = !y;',
    'function f(x: never): never { throw x; }',
    'screen.console.log(x);',
    "const text = 'as unknown as any';",
    '// any, as unknown as, console.log',
  ])('look-alike: %s', (code) => {
    expect(toldOf(code)).toEqual([]);
  });

  it('are excused where a library leaves no other way, and not beyond', () => {
    const path = 'core/kernel/http/body.ts';
    expect(toldOf('const x = y as unknown as Z;', path)).toEqual([]);
    expect(toldOf('const x = y as unknown as Z; let z: any;', path)).toEqual([`${path}:1 \`any\``]);
    expect(toldOf('const x = 1;', path)).toEqual([`${path}:1 an excuse that is no longer needed`]);
  });
});

describe('tests that wait for a time', () => {
  const toldOf = (code: string, path = 'test/a.test.ts'): string[] => placesOf(findSleeps(sourcesOf({ [path]: code })));

  it.each([
    ['await sleep(500);', 'sleep(500)'],
    ['await sleep(2 * 1_000, signal);', 'sleep(2 * 1_000)'],
    ['await timers.delay(10);', 'delay(10)'],
    ['await eventually(() => performance.now() - startMs > 5_000);', 'eventually(…) that waits for a clock'],
    ['await expect.poll(() => Date.now() - at).toBeGreaterThan(100);', 'poll(…) that waits for a clock'],
    ['await eventually(() => monotonicMs() > end);', 'eventually(…) that waits for a clock'],
  ])('%s', (code, told) => {
    expect(toldOf(code)).toEqual([`test/a.test.ts:1 ${told}`]);
  });

  it.each([
    'await eventually(() => done);',
    'await eventually(() => done, { timeoutMs: 5_000 });',
    'await world.later(30);',
    'await sleep(delayMs, signal);',
    'expect(performance.now() - startMs).toBeLessThan(5_000);',
  ])('look-alike: %s', (code) => {
    expect(toldOf(code)).toEqual([]);
  });

  it('are no matter of the house, and the very matter of the test of the clock', () => {
    expect(toldOf('await sleep(500, signal);', 'core/a/b.ts')).toEqual([]);
    expect(toldOf('await sleep(500, signal);', 'test/kernel/clock.test.ts')).toEqual([]);
  });
});
