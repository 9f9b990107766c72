import { describe, expect, it } from 'vitest';
import { findAddressesInLock, findCodeInRunbooks, findGrabBags, findPlaces, findRoomsWithoutReadme } from './papers.ts';
import { type Files, papersOf, placesOf } from './plant.ts';

const HALLS = ['', 'core/', 'control/', 'reconcile/', 'tui/', 'dashboards/', 'test/', 'runbooks/'];
const BUILT: Files = Object.fromEntries(HALLS.map((hall) => [`${hall}README.md`, '# what lives here']));

describe('rooms without a README', () => {
  const roomsIn = (files: Files): string[] => findRoomsWithoutReadme(papersOf(files)).map(({ path }) => path);

  it.each(Object.keys(BUILT))('%s is missed', (path) => {
    const { [path]: _, ...rest } = BUILT;
    expect(roomsIn(rest)).toEqual([path]);
  });

  it.each([
    ['a room of the core', 'core/carts/carts.ts', 'core/carts/README.md'],
    ['a room of tests of its own', 'test/chaos/night.test.ts', 'test/chaos/README.md'],
    ['a room whose README is empty', 'core/carts/README.md', 'core/carts/README.md'],
  ])('%s is found', (_what, path, readme) => {
    expect(roomsIn({ ...BUILT, [path]: ' \n' })).toEqual([readme]);
  });

  it.each<[string, Files]>([
    ['a room with one', { 'core/carts/carts.ts': '', 'core/carts/README.md': '# Carts' }],
    ['a registry', { 'reconcile/checks/stuck-age.ts': '', 'dashboards/panels/money/gmv.ts': '' }],
    ['a file of a hall', { 'core/context.ts': '' }],
    ['tests that mirror a room', { 'core/carts/README.md': '# Carts', 'test/carts/carts.test.ts': '' }],
    ['tests that mirror a hall', { 'test/tui/replay.test.ts': '' }],
  ])('%s is left alone', (_what, files) => {
    expect(roomsIn({ ...BUILT, ...files })).toEqual([]);
  });
});

describe('addresses in the lock file', () => {
  it.each<[Files, string]>([
    [
      { 'package-lock.json': '{\n"resolved": "https://example.test/a.tgz"\n}' },
      'package-lock.json:2 a `resolved` address',
    ],
    [{ '.npmrc': 'fund=false\nregistry=https://example.test/' }, '.npmrc:2 a registry'],
    [{ '.npmrc': '@scope:registry=https://example.test/' }, '.npmrc:1 a registry'],
  ])('%o', (files, told) => {
    expect(placesOf(findAddressesInLock(papersOf(files)))).toEqual([told]);
  });

  it('none in a clean one', () => {
    const files = {
      'package-lock.json': '{ "version": "1.0.0", "integrity": "sha512-x" }',
      '.npmrc': 'omit-lockfile-registry-resolved=true',
      'core/a/b.ts': 'const registry = "resolved";',
    };
    expect(findAddressesInLock(papersOf(files))).toEqual([]);
  });
});

describe('places of one machine', () => {
  const toldOf = (text: string, path = 'core/a/b.ts'): string[] => placesOf(findPlaces(papersOf({ [path]: text })));

  it.each([
    'see https://registry.npmjs.org/zod',
    'see http://nexus.corp.test:8081/npm',
    'see https://registry.npmmirror.com',
  ])('%s', (text) => {
    expect(toldOf(text)).toEqual(['core/a/b.ts:1 the address of a package registry']);
  });

  it.each([
    "const file = '/home/ada/tidegate/x.ts';",
    "const file = '/Users/ada/x.ts';",
    'cd /root/tidegate',
    "import x from '/work/main/core/app.ts';",
    'C:\\\\Users\\\\ada',
  ])('%s', (text) => {
    expect(toldOf(text)).toEqual(['core/a/b.ts:1 an absolute path of one machine']);
  });

  it.each([
    "const place = '/var/tmp/tidegate';",
    'out of reach of the server (as under /root).',
    "const route = '/v1/homes/{id}';",
    `const url = \`\${base}/work/5\`;`,
    '127.0.0.1:4600',
  ])('look-alike: %s', (text) => {
    expect(toldOf(text)).toEqual([]);
  });
});

describe('names that say nothing', () => {
  it.each([
    'core/utils/x.ts',
    'core/orders/utils.ts',
    'src/x.ts',
    'core/lib/x.ts',
    'test/helpers/x.ts',
    'tui/common.tsx',
  ])('%s', (path) => {
    expect(placesOf(findGrabBags(papersOf({ [path]: '' })))).toEqual([`${path}:1 a name that says nothing`]);
  });

  it.each(['core/orders/placing.ts', 'core/kernel/db/binaries.ts', 'core/stock/library-loans.ts'])(
    'look-alike: %s',
    (path) => {
      expect(findGrabBags(papersOf({ [path]: '' }))).toEqual([]);
    },
  );
});

describe('code in runbooks', () => {
  it('is found, and prose is not', () => {
    const papers = papersOf({ 'runbooks/p5.md': '', 'runbooks/fix.sh': '', 'reconcile/repairs/p5.ts': '' });
    expect(placesOf(findCodeInRunbooks(papers))).toEqual(['runbooks/fix.sh:1 a runbook that is no Markdown']);
  });
});
