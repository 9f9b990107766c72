import { describe, expect, it } from 'vitest';
import { placesOf, sourcesOf } from './plant.ts';
import { findSenses } from './senses.ts';

const sensedIn = (path: string, code: string): string[] => placesOf(findSenses(sourcesOf({ [path]: code })));

describe('a sense of its own is found', () => {
  it.each([
    ['environment', 'const x = process.env.PORT;'],
    ['environment', `const x = process['env'];`],
    ['environment', 'const x = globalThis.process.env;'],
    ['environment', 'const { env } = process;'],
    ['environment', 'const { env: settings } = process;'],
    ['environment', `import { env } from 'node:process';`],
    ['time', 'const x = Date.now();'],
    ['time', 'const now = Date.now;'],
    ['time', 'const x = globalThis.Date.now();'],
    ['time', 'const x = new Date();'],
    ['time', 'const x = new Date;'],
    ['time', 'const x = Date();'],
    ['duration', 'const x = performance.now();'],
    ['duration', 'const x = process.hrtime.bigint();'],
    ['duration', `import { performance } from 'node:perf_hooks';`],
    ['timer', 'setTimeout(run, 5);'],
    ['timer', 'const wait = promisify(setTimeout);'],
    ['timer', 'globalThis.setInterval(run, 5);'],
    ['timer', `import { setTimeout as delay } from 'node:timers/promises';`],
    ['timer', `import * as timers from 'timers/promises';`],
    ['chance', 'const x = Math.random();'],
    ['chance', 'const x = crypto.randomUUID();'],
    ['chance', 'const x = globalThis.crypto.getRandomValues(bytes);'],
    ['chance', `import { randomBytes } from 'node:crypto';`],
    ['chance', `import { randomUUID as id } from 'crypto';`],
    ['chance', `import crypto from 'node:crypto';`],
  ])('for %s: %s', (sense, code) => {
    for (const path of ['core/orders/orders.ts', 'control/app.ts', 'reconcile/runner.ts', 'tui/feed.ts']) {
      expect(sensedIn(path, code)).toEqual([expect.stringContaining(`a sense of its own for ${sense}`)]);
    }
  });

  it.each([
    ['test/orders/create.test.ts', 'setTimeout(run, 5);'],
    ['test/orders/create.test.ts', 'const at = Date.now();'],
    ['test/support/shop.ts', 'const key = Math.random();'],
    ['test/support/shop.ts', `import { setTimeout } from 'node:timers/promises';`],
  ])('in a test, too: %s: %s', (path, code) => {
    expect(sensedIn(path, code)).toHaveLength(1);
  });

  it('each with its line', () => {
    expect(sensedIn('core/a/b.ts', 'let x;\nx = Date.now();\nx = Math.random();')).toEqual([
      'core/a/b.ts:2 Date.now: a sense of its own for time',
      'core/a/b.ts:3 Math.random: a sense of its own for chance',
    ]);
  });
});

describe('what looks alike is left alone', () => {
  it.each([
    'const x = new Date(0);',
    'const x = clock.now();',
    'const x = Date.parse(text);',
    'const x = Math.round(2);',
    'const x = random.next();',
    'const x = process.pid;',
    'const x = loaded.env;',
    'const { env } = options;',
    'server.setTimeout(5);',
    'const x = { setTimeout: 5 };',
    'clearTimeout(timer);',
    'let x: ReturnType<typeof setTimeout>;',
    'setImmediate(run);',
    `import { hash, timingSafeEqual } from 'node:crypto';`,
    `import type { Timeout } from 'node:timers';`,
    'const x = AbortSignal.timeout(5);',
    'const sql = "SELECT now(), random()";',
    '// Date.now() and setTimeout are the kernel’s',
  ])('%s', (code) => {
    expect(sensedIn('core/orders/orders.ts', code)).toEqual([]);
  });

  it.each([
    ['core/kernel/clock.ts', 'setTimeout(run, Date.now() + performance.now());'],
    ['core/kernel/config.ts', 'const x = process.env;'],
    ['tui/settings.ts', 'const x = process.env;'],
    ['tui/clock.ts', 'setTimeout(run, performance.now());'],
    ['test/support/system.ts', 'const x = process.env; const y = performance.now();'],
    ['test/support/eventually.ts', `import { setTimeout } from 'node:timers/promises';`],
    ['test/bench/main.ts', 'const x = Date.now();'],
  ])('in its place: %s: %s', (path, code) => {
    expect(sensedIn(path, code)).toEqual([]);
  });
});
