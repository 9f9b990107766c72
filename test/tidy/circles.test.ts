import { describe, expect, it } from 'vitest';
import { findCircles } from './circles.ts';
import { type Files, placesOf, sourcesOf } from './plant.ts';

const circlesIn = (files: Files): string[] => placesOf(findCircles(sourcesOf(files)));

describe('a circle is found', () => {
  it('of two files', () => {
    const found = circlesIn({
      'core/a/one.ts': `import { two } from './two.ts';`,
      'core/a/two.ts': `import { one } from './one.ts';`,
    });
    expect(found).toEqual([
      'core/a/one.ts:1 a circle of files: core/a/one.ts → core/a/two.ts, core/a/two.ts → core/a/one.ts',
    ]);
  });

  it('of types alone', () => {
    expect(
      circlesIn({
        'core/a/one.ts': `import type { Two } from './two.ts';`,
        'core/a/two.ts': `\nexport type { One } from './one.ts';`,
      }),
    ).toHaveLength(1);
  });

  it('of three files, told once, with a tail left out', () => {
    const found = circlesIn({
      'tui/tail.ts': `import './one.ts';`,
      'tui/one.ts': `import './two.ts';`,
      'tui/two.ts': `import './three.ts';`,
      'tui/three.ts': `import './one.ts'; import './end.ts';`,
      'tui/end.ts': '',
    });
    expect(found).toHaveLength(1);
    expect(found[0]).not.toMatch(/tail|end/);
  });

  it('of rooms whose files make none', () => {
    const found = circlesIn({
      'core/orders/a.ts': `import '../payments/b.ts';`,
      'core/payments/b.ts': '',
      'core/payments/c.ts': `import '../orders/d.ts';`,
      'core/orders/d.ts': '',
    });
    expect(found).toEqual([
      'core/orders/a.ts:1 a circle of rooms: core/orders/a.ts → core/payments/b.ts, core/payments/c.ts → core/orders/d.ts',
    ]);
  });

  it('each of two', () => {
    expect(
      circlesIn({
        'core/a/1.ts': `import './2.ts';`,
        'core/a/2.ts': `import './1.ts';`,
        'core/b/1.ts': `import './2.ts'; import '../a/1.ts';`,
        'core/b/2.ts': `import './1.ts';`,
      }),
    ).toHaveLength(2);
  });
});

describe('what is no circle is left alone', () => {
  it.each<[string, Files]>([
    [
      'two ways to one end',
      {
        'core/a/1.ts': `import './2.ts'; import './3.ts';`,
        'core/a/2.ts': `import './4.ts';`,
        'core/a/3.ts': `import './4.ts';`,
        'core/a/4.ts': '',
      },
    ],
    [
      'rooms that meet at a face',
      {
        'core/orders/orders.ts': `import '../payments/payments.ts';`,
        'core/payments/payments.ts': `import '../orders/orders.machine.ts';`,
        'core/orders/orders.machine.ts': '',
      },
    ],
    [
      'a hall that its rooms use and that names their types',
      {
        'core/context.ts': `import type { Port } from './payments/channel.ts';`,
        'core/payments/channel.ts': '',
        'core/payments/capture.ts': `import '../context.ts';`,
      },
    ],
    [
      'wings of the kernel',
      {
        'core/kernel/http/app.ts': `import '../access/roles.ts';`,
        'core/kernel/access/roles.ts': '',
        'core/kernel/access/routes.ts': `import '../http/app.ts';`,
      },
    ],
    ['a file that is not there', { 'core/a/1.ts': `import './1.json'; import '../b/gone.ts';` }],
  ])('%s', (_what, files) => {
    expect(circlesIn(files)).toEqual([]);
  });
});
