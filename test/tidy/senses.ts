import { isTest } from './house.ts';
import type { Offence } from './offence.ts';
import { accessOf, lineOf, type Source, ts, visit } from './syntax.ts';

/** A sense of the outside: what a program learns from its machine and nobody handed in. */
type Sense = 'environment' | 'time' | 'duration' | 'timer' | 'chance';

const CHANCES: Readonly<Record<string, Sense>> = Object.fromEntries(
  ['randomUUID', 'randomBytes', 'randomInt', 'randomFill', 'randomFillSync', 'getRandomValues', 'webcrypto'].map(
    (name) => [name, 'chance'],
  ),
);

/** What is read off an object, by its owner and name. */
const MEMBERS: Readonly<Record<string, Readonly<Record<string, Sense>>>> = {
  process: { env: 'environment', hrtime: 'duration' },
  Date: { now: 'time' },
  performance: { now: 'duration', timeOrigin: 'duration' },
  Math: { random: 'chance' },
  crypto: CHANCES,
};

const GLOBALS: Readonly<Record<string, Sense>> = { setTimeout: 'timer', setInterval: 'timer' };

/** What is imported, by module and name; `*` stands for every name of it. */
const IMPORTS: Readonly<Record<string, Readonly<Record<string, Sense>>>> = {
  'node:process': { env: 'environment', hrtime: 'duration' },
  'node:perf_hooks': { '*': 'duration' },
  'node:timers': { '*': 'timer' },
  'node:timers/promises': { '*': 'timer' },
  'node:crypto': CHANCES,
};

/**
 * Who may sense what. The kernel has the only clock, chance and environment of the servers. The terminal is a program of
 * its own that knows no kernel: its settings and its clock are one file each. Tests stand outside: they start processes,
 * so they hand on the environment, and they measure; but they take no chance that no seed repeats, and no time of day.
 */
const MAY_SENSE: readonly { readonly path: RegExp; readonly senses: readonly Sense[] }[] = [
  { path: /^core\/kernel\//, senses: ['environment', 'time', 'duration', 'timer', 'chance'] },
  { path: /^tui\/settings\.ts$/, senses: ['environment'] },
  { path: /^tui\/clock\.ts$/, senses: ['duration', 'timer'] },
  { path: /^test\//, senses: ['environment', 'duration'] },
  // Waiting for something to come true, with a bound: the one place where a test sleeps.
  { path: /^test\/support\/eventually\.ts$/, senses: ['timer'] },
  // A process that is only there to be stopped must stay alive until then.
  { path: /^test\/support\/fixtures\//, senses: ['timer'] },
  // Benchmarks measure the real thing, by the real clock.
  { path: /^test\/bench\//, senses: ['time', 'timer', 'chance'] },
  // Databases are made by many processes at once, and their names must not meet.
  { path: /^test\/support\/database\.ts$/, senses: ['chance'] },
];

const MENDS: Readonly<Record<Sense, string>> = {
  environment: 'declare it in core/kernel/config.ts and take it from the configuration (tui: settings.ts)',
  time: 'take a Clock and ask its `now()`; in SQL take `$now`',
  duration: 'use `monotonicMs` of core/kernel/clock.ts (tui: clock.ts)',
  timer: 'use `sleep`, `after` or `every` of core/kernel/clock.ts (tui: clock.ts); a test waits with `eventually`',
  chance: 'take a Random; a test makes one from a seed',
};

/** Every place that looks at the machine by itself instead of being told. */
export function findSenses(sources: readonly Source[]): Offence[] {
  return sources.flatMap((source) => {
    const allowed = MAY_SENSE.filter(({ path }) => path.test(source.path)).flatMap(({ senses }) => senses);
    const offences: Offence[] = [];
    visit(source.root, (node) => {
      for (const { what, sense } of sensesOf(node)) {
        if (allowed.includes(sense)) continue;
        offences.push({
          path: source.path,
          line: lineOf(source.root, node),
          what: `${what}: a sense of its own for ${sense}`,
          why: isTest(source.path)
            ? 'a test that depends on it cannot be played again'
            : 'what senses the machine itself cannot be simulated, replayed or configured',
          mend: MENDS[sense],
        });
      }
    });
    return offences;
  });
}

interface Sensed {
  readonly what: string;
  readonly sense: Sense;
}

function sensesOf(node: ts.Node): Sensed[] {
  if (ts.isImportDeclaration(node)) return importsOf(node);
  if (ts.isNewExpression(node) || ts.isCallExpression(node)) return dateOf(node);
  if (ts.isVariableDeclaration(node)) return takenApart(node);
  const member = memberOf(node);
  if (member !== undefined) return member;
  return isUse(node) && GLOBALS[node.text] !== undefined ? one(node.text, GLOBALS[node.text]) : [];
}

/** `process.env`, `process['env']`, `globalThis.process.env`. */
function memberOf(node: ts.Node): Sensed[] | undefined {
  const access = accessOf(node);
  if (access === undefined) return undefined;
  const owner = globalNameOf(access.owner);
  if (owner === 'globalThis') return one(access.name, GLOBALS[access.name]);
  return owner === undefined ? [] : one(`${owner}.${access.name}`, MEMBERS[owner]?.[access.name]);
}

/** The name by which a node means something global: `process`, or `globalThis.process`. */
function globalNameOf(node: ts.Node): string | undefined {
  if (ts.isIdentifier(node)) return node.text;
  const access = accessOf(node);
  if (access === undefined || !ts.isIdentifier(access.owner)) return undefined;
  return access.owner.text === 'globalThis' ? access.name : undefined;
}

/** `new Date()` and `Date()` read the clock; `new Date(x)` does not. */
function dateOf(node: ts.NewExpression | ts.CallExpression): Sensed[] {
  if (globalNameOf(node.expression) !== 'Date') return [];
  if (ts.isNewExpression(node)) return (node.arguments?.length ?? 0) === 0 ? one('new Date()', 'time') : [];
  return one('Date()', 'time');
}

/** `const { env } = process`. */
function takenApart({ name, initializer }: ts.VariableDeclaration): Sensed[] {
  if (initializer === undefined || !ts.isObjectBindingPattern(name)) return [];
  const owner = globalNameOf(initializer);
  if (owner === undefined) return [];
  return [...name.elements].flatMap((element) => {
    const taken = element.propertyName ?? element.name;
    if (taken === undefined || !ts.isIdentifier(taken)) return [];
    return one(`${taken.text} of ${owner}`, (owner === 'globalThis' ? GLOBALS : MEMBERS[owner])?.[taken.text]);
  });
}

function importsOf({ moduleSpecifier, importClause }: ts.ImportDeclaration): Sensed[] {
  const module = ts.isStringLiteral(moduleSpecifier) ? moduleSpecifier.text : '';
  const known = IMPORTS[module.startsWith('node:') ? module : `node:${module}`];
  if (known === undefined || importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword) return [];
  const bindings = importClause?.namedBindings;
  // Taken whole, under a name of its own: nobody sees any more which part is used.
  if (bindings === undefined || !ts.isNamedImports(bindings)) return one(`all of ${module}`, Object.values(known)[0]);
  return [...bindings.elements]
    .filter((element) => !element.isTypeOnly)
    .flatMap((element) => {
      const name = (element.propertyName ?? element.name).text;
      return one(`${name} of ${module}`, known[name] ?? known['*']);
    });
}

/** Whether an identifier is used here as a value: no name of a member, a property, a declaration or an import. */
function isUse(node: ts.Node): node is ts.Identifier {
  if (!ts.isIdentifier(node)) return false;
  const { parent } = node;
  if (accessOf(parent)?.name === node.text && accessOf(parent)?.owner !== node) return false;
  if (ts.isTypeQueryNode(parent) || ts.isImportSpecifier(parent)) return false;
  return !('name' in parent && parent.name === node);
}

function one(what: string, sense: Sense | undefined): Sensed[] {
  return sense === undefined ? [] : [{ what, sense }];
}
