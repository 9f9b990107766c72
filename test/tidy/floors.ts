import { posix } from 'node:path';
import { isTest } from './house.ts';
import type { Offence } from './offence.ts';
import type { Import, Source } from './syntax.ts';

/**
 * A floor of the house. A file lives on the first floor whose `holds` fits its path, and imports what `mayUse` names
 * and nothing else. Types count as much as values: a type ties two rooms just as firmly.
 */
interface Floor {
  readonly name: string;
  readonly holds: RegExp;
  readonly mayUse: readonly string[];
}

const GROUND = ['metric names', 'kernel'];
const CORE = [...GROUND, 'guard', 'face', 'core'];
const RECONCILE = [...CORE, 'reconcile'];
const CONTROL = [...RECONCILE, 'contract', 'control'];

/** From the ground up. Tests use every room; no room uses a test. */
const FLOORS: readonly Floor[] = [
  // The names alone, so that a dashboard can be built without the house.
  { name: 'metric names', holds: /^core\/kernel\/metric-names\.ts$/, mayUse: [] },
  { name: 'kernel', holds: /^core\/kernel\//, mayUse: GROUND },
  // Tables for the tools that generate migrations. The running house speaks SQL, and loads none of it.
  { name: 'schema', holds: /^core\/schema\//, mayUse: [...GROUND, 'schema'] },
  { name: 'guard', holds: /^core\/guard\//, mayUse: [...GROUND, 'guard'] },
  // The outside world. It is reached over HTTP, as the real one is; only its own process and `up` load it.
  { name: 'sandbox', holds: /^core\/sandbox\//, mayUse: [...GROUND, 'sandbox'] },
  // What a room of the core shows to all others: its state table and its port. They use the kernel, and close no circle.
  { name: 'face', holds: /^core\/[a-z]+\/[a-z-]+\.(machine|port)\.ts$/, mayUse: [...GROUND, 'face'] },
  { name: 'core process', holds: /^core\/(app|main)\.ts$/, mayUse: [...CORE, 'core process'] },
  { name: 'core', holds: /^core\//, mayUse: CORE },
  {
    name: 'reconcile process',
    holds: /^reconcile\/(app|main)\.ts$/,
    mayUse: [...RECONCILE, 'core process', 'reconcile process'],
  },
  { name: 'reconcile', holds: /^reconcile\//, mayUse: RECONCILE },
  // Shapes alone, which clients share.
  { name: 'contract', holds: /^control\/api\/contract\.ts$/, mayUse: [] },
  { name: 'control process', holds: /^control\/(app|main)\.ts$/, mayUse: [...CONTROL, 'control process'] },
  { name: 'up', holds: /^control\/up\.ts$/, mayUse: [...CONTROL, 'core process', 'sandbox'] },
  { name: 'control', holds: /^control\//, mayUse: CONTROL },
  { name: 'tui', holds: /^tui\//, mayUse: ['tui', 'contract'] },
  { name: 'dashboards', holds: /^dashboards\//, mayUse: ['dashboards', 'metric names'] },
  { name: 'settings of tools', holds: /^[a-z.]+\.config\.ts$/, mayUse: [] },
];

/**
 * Where a file is found as the program runs: a registry that reads its own folder. What these load cannot be told from
 * the code, so there are no others.
 */
const REGISTRIES: readonly string[] = ['core/kernel/registry.ts', 'dashboards/build.ts', 'tui/commands/main.ts'];

export function floorOf(path: string): string | undefined {
  return FLOORS.find(({ holds }) => holds.test(path))?.name;
}

/** The file that an import means, from the root of the house; undefined when it means a package, or cannot be told. */
export function targetOf(source: Source, { specifier }: Import): string | undefined {
  if (specifier === undefined || !specifier.startsWith('.')) return undefined;
  return posix.join(posix.dirname(source.path), specifier);
}

/** Every import that goes up, and every file that lives on no floor. */
export function findFloorBreaches(sources: readonly Source[]): Offence[] {
  return sources.filter(({ path }) => !isTest(path)).flatMap(breachesOf);
}

function breachesOf(source: Source): Offence[] {
  const { path } = source;
  const floor = FLOORS.find(({ holds }) => holds.test(path));
  if (floor === undefined) {
    const why = 'the house has no such room, so nothing says what it may use';
    return [{ path, line: 1, what: 'lives on no floor', why, mend: 'move it to its room, or add a floor on purpose' }];
  }
  return source.imports.flatMap((arrow) => breachOf(source, floor, arrow) ?? []);
}

function breachOf(source: Source, floor: Floor, arrow: Import): Offence | undefined {
  const { path } = source;
  const { line, specifier, typeOnly } = arrow;
  if (specifier === undefined) {
    if (REGISTRIES.includes(path)) return undefined;
    return {
      path,
      line,
      what: 'imports a file whose name is computed',
      why: 'no test can tell what it loads, so no floor holds',
      mend: 'load the folder with `loadRegistry` of core/kernel/registry.ts, or name the file',
    };
  }
  const target = targetOf(source, arrow);
  if (target === undefined) return undefined;
  const there = isTest(target) ? 'test' : floorOf(target);
  if (there !== undefined && floor.mayUse.includes(there)) return undefined;
  return {
    path,
    line,
    what: `${floor.name} imports ${typeOnly ? 'types of ' : ''}${there ?? 'what is on no floor'}: ${target}`,
    why: `an import goes down only; ${floor.name} may use ${floor.mayUse.join(', ') || 'nothing of the house'}`,
    mend: 'move what both need to the lower floor, hand it in from the process file above, or send an event',
  };
}
