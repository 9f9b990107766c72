import { describe, expect, it } from 'vitest';
import { findFloorBreaches } from './floors.ts';
import { placesOf, sourcesOf } from './plant.ts';

const breachesOf = (path: string, code: string): string[] => placesOf(findFloorBreaches(sourcesOf({ [path]: code })));

describe('an import that goes up is found', () => {
  it.each([
    ['the kernel uses a room', 'core/kernel/money.ts', '../orders/orders.ts', 'kernel imports core'],
    ['the kernel uses the guard', 'core/kernel/http/gate.ts', '../../guard/guard.ts', 'kernel imports guard'],
    ['the guard uses a room', 'core/guard/link.ts', '../catalog/catalog.ts', 'guard imports core'],
    ['the schema uses a room', 'core/schema/orders.ts', '../orders/orders.read.ts', 'schema imports core'],
    ['a room uses the schema', 'core/orders/orders.ts', '../schema/orders.ts', 'core imports schema'],
    ['a face uses its room', 'core/orders/orders.machine.ts', './orders.ts', 'face imports core'],
    ['a room uses the sandbox', 'core/payments/capture.ts', '../sandbox/trades.ts', 'core imports sandbox'],
    ['the sandbox uses a room', 'core/sandbox/trades.ts', '../payments/capture.ts', 'sandbox imports core'],
    ['the core uses reconcile', 'core/orders/orders.ts', '../../reconcile/check.ts', 'core imports reconcile'],
    ['the core uses control', 'core/app.ts', '../control/app.ts', 'core process imports control process'],
    ['reconcile uses control', 'reconcile/runner.ts', '../control/audit/audit.ts', 'reconcile imports control'],
    ['reconcile uses the sandbox', 'reconcile/main.ts', '../core/sandbox/app.ts', 'reconcile process imports sandbox'],
    ['control uses the sandbox', 'control/main.ts', '../core/sandbox/app.ts', 'control process imports sandbox'],
    ['control uses the terminal', 'control/app.ts', '../tui/client.ts', 'control process imports tui'],
    ['the contract uses anything', 'control/api/contract.ts', '../../core/kernel/money.ts', 'contract imports kernel'],
    ['the terminal uses the kernel', 'tui/plain.ts', '../core/kernel/money.ts', 'tui imports kernel'],
    ['the terminal uses control', 'tui/feed.ts', '../control/overview/overview.ts', 'tui imports control'],
    ['a dashboard uses the kernel', 'dashboards/build.ts', '../core/kernel/money.ts', 'dashboards imports kernel'],
    ['a room uses a test', 'core/orders/orders.ts', '../../test/support/core.ts', 'core imports test'],
    [
      'a room uses what is on no floor',
      'core/orders/orders.ts',
      '../../tools/x.ts',
      'core imports what is on no floor',
    ],
  ])('%s', (_what, path, specifier, told) => {
    expect(breachesOf(path, `import { x } from '${specifier}';`).join()).toContain(told);
  });

  it.each([
    ['of types', `import type { X } from '../orders/orders.ts';`],
    ['of a type among values', `import { type X, y } from '../orders/orders.ts';`],
    ['of nothing, for its effect', `import '../orders/orders.ts';`],
    ['as a namespace', `import * as orders from '../orders/orders.ts';`],
    ['that is handed on', `export { x } from '../orders/orders.ts';`],
    ['that is handed on whole', `export * from '../orders/orders.ts';`],
    ['as the program runs', `const x = await import('../orders/orders.ts');`],
    ['as the program runs, in ticks', 'const x = await import(`../orders/orders.ts`);'],
    ['of a type in place', `let x: import('../orders/orders.ts').Order;`],
    ['in the old way', `const x = require('../orders/orders.ts');`],
    ['over several lines', `import {\n  x,\n} from\n  '../orders/orders.ts';`],
  ])('%s', (_what, code) => {
    expect(breachesOf('core/kernel/money.ts', code)).toEqual([
      expect.stringMatching(/^core\/kernel\/money\.ts:1 kernel imports (types of )?core: core\/orders\/orders\.ts$/),
    ]);
  });

  it('tells the line', () => {
    const code = `// one\n/* two\n three */\nimport { x } from '../orders/orders.ts';\n`;
    expect(breachesOf('core/kernel/money.ts', code)[0]).toContain('core/kernel/money.ts:4 ');
  });
});

describe('other breaches', () => {
  it('a file that lives on no floor', () => {
    expect(breachesOf('tools/deploy.ts', '')).toEqual(['tools/deploy.ts:1 lives on no floor']);
  });

  it.each([`\`./\${name}.ts\``, 'new URL(file, folder).href', 'name'])('an import of %s', (computed) => {
    expect(breachesOf('core/orders/orders.ts', `await import(${computed});`)).toEqual([
      'core/orders/orders.ts:1 imports a file whose name is computed',
    ]);
  });
});

describe('what looks alike is left alone', () => {
  it.each([
    ['an import that goes down', 'reconcile/repair.ts', `import { x } from '../core/kernel/driver.ts';`],
    ['a room beside', 'core/orders/placing.ts', `import { x } from '../stock/stock.ts';`],
    ['a face of a room above', 'core/payments/capture.ts', `import { x } from '../orders/orders.machine.ts';`],
    ['a package', 'core/kernel/money.ts', `import { z } from 'zod';`],
    ['the contract, in the terminal', 'tui/feed.ts', `import { overview } from '../control/api/contract.ts';`],
    ['the names of metrics, in a dashboard', 'dashboards/x.ts', `import { M } from '../core/kernel/metric-names.ts';`],
    ['the sandbox, in up', 'control/up.ts', `import { x } from '../core/sandbox/app.ts';`],
    ['a registry that reads its folder', 'core/kernel/registry.ts', 'await import(new URL(file, folder).href);'],
    ['a test that uses everything', 'test/x.test.ts', `import { x } from '../control/app.ts'; await import(name);`],
    ['an import in a comment', 'core/kernel/money.ts', `// import { x } from '../orders/orders.ts';`],
    ['an import in a text', 'core/kernel/money.ts', `const x = "import { x } from '../orders/orders.ts'";`],
    ['an import in a template', 'core/kernel/money.ts', `const x = \`\${y} import "../orders/orders.ts"\`;`],
  ])('%s', (_what, path, code) => {
    expect(breachesOf(path, code)).toEqual([]);
  });
});
