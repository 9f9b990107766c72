import { targetOf } from './floors.ts';
import { isTest } from './house.ts';
import type { Offence } from './offence.ts';
import type { Import, Source } from './syntax.ts';

/** A way in that not everybody below or beside may take, though the floors would allow it. */
interface Door {
  /** What lies behind it: files of the house, or packages. */
  readonly to: RegExp;
  /** Who may come in. Tests always may. */
  readonly opensFor: RegExp;
  /** Only these names are kept behind it; without them, the whole file is. */
  readonly values?: readonly string[];
  readonly why: string;
  readonly mend: string;
}

/** The files that compose: they make what is real (clock, database, server) and hand it to the rooms. */
const COMPOSERS = /^(core|core\/sandbox|control|reconcile)\/(app|main|up)\.ts$|^control\/up\//;

const DOORS: readonly Door[] = [
  {
    to: /^(core|core\/sandbox|control|reconcile|tui|tui\/commands)\/(main|up)\.tsx?$/,
    opensFor: /^$/,
    why: 'a process is started, never imported: importing it would run it',
    mend: 'move what is needed out of it into a room',
  },
  {
    to: /^(core|core\/sandbox|control|reconcile)\/app\.ts$/,
    opensFor: /(^|\/)(main|up)\.ts$/,
    why: 'an app.ts composes the rooms of one process; a room that used it would use all of them',
    mend: 'take what is needed from its own room, or hand it in',
  },
  {
    to: /^(?!core\/kernel\/).*\.routes\.ts$/,
    opensFor: /(^|\/)app\.ts$/,
    why: 'a route maps the wire to the domain: app.ts mounts it, and nobody else needs it',
    mend: 'import the command or the read model that the route calls; shapes of the wire go to the *.wire.ts file',
  },
  {
    to: /^core\/.*\.(store|wire)\.ts$/,
    opensFor: /^core\//,
    why: 'rows and wire shapes of the core are its own; money and orders move only through its commands and drivers',
    mend: 'use a command, a driver or a *.read.ts of that room',
  },
  {
    to: /^core\/(?!kernel\/|guard\/|bus\/|sandbox\/|app\.ts)(?!.*\.(machine|port|read)\.ts$)/,
    opensFor: /^(?!control\/)|^control\/(main|up)\.ts$/,
    why: 'control reads the core through read models and never moves its money or orders',
    mend: 'add a read to the *.read.ts of that room, or act through a public command of reconcile',
  },
  {
    to: /^reconcile\/(checks|repairs)\/|^reconcile\/.*\.store\.ts$/,
    opensFor: /^reconcile\//,
    why: 'checks and repairs are found by their registries, and rows stay in their store',
    mend: 'ask the public files of reconcile: check.ts, repair.ts, verdicts.ts, findings/',
  },
  {
    to: /^core\/kernel\//,
    values: [
      'openDatabase',
      'openServerDatabase',
      'createApp',
      'createMetrics',
      'createLogger',
      'serve',
      'systemClock',
      'systemRandom',
    ],
    opensFor: new RegExp(`${COMPOSERS.source}|^core/kernel/`),
    why: 'only the process files compose; a room that makes its own clock or database cannot be tested or simulated',
    mend: 'take it as a parameter or from the context, and make it in app.ts or main.ts',
  },
  ...packages('pg', /^core\/kernel\/db\/|^core\/kernel\/process\.ts$/, 'the database is reached through the kernel'),
  ...packages(
    'drizzle-orm',
    /^core\/schema\/|^core\/sandbox\/schema\.ts$/,
    'drizzle describes tables and nothing else',
  ),
  ...packages('drizzle-kit', /^(core\/sandbox\/)?drizzle\.config\.ts$/, 'it is a tool, not a part of the house'),
  ...packages('prom-client', /^core\/kernel\/metrics\.ts$/, 'metrics have one registry, in the kernel'),
  ...packages('pino', /^core\/kernel\/log\.ts$/, 'logs have one shape, made in the kernel'),
  ...packages('@opentelemetry/', /^core\/kernel\/tracing\.ts$/, 'traces are started in one place, in the kernel'),
  ...packages(
    '@hono/node-server',
    /^core\/kernel\/http\/|^core\/sandbox\/edge\.ts$/,
    'HTTP is served by the kernel; the sandbox hangs up',
  ),
  ...packages('node-cron', /^reconcile\/schedule\.ts$/, 'one schedule runs everything that runs by the clock'),
  ...packages('ink', /^tui\//, 'only the terminal draws'),
  ...packages('react', /^tui\//, 'only the terminal draws'),
  ...packages('@grafana/', /^dashboards\//, 'only the dashboards build panels'),
];

function packages(name: string, opensFor: RegExp, why: string): Door[] {
  const to = new RegExp(`^npm:${name}${name.endsWith('/') ? '' : '($|/)'}`);
  return [{ to, opensFor, why, mend: `use what ${opensFor.source.replaceAll('\\', '')} offers` }];
}

/** Every import that takes a door which does not open for it. */
export function findClosedDoors(sources: readonly Source[]): Offence[] {
  return sources
    .filter(({ path }) => !isTest(path))
    .flatMap((source) => source.imports.flatMap((arrow) => closedFor(source, arrow)));
}

function closedFor(source: Source, arrow: Import): Offence[] {
  const { path } = source;
  const { line, specifier, values } = arrow;
  const target = targetOf(source, arrow) ?? (specifier === undefined ? '' : `npm:${specifier}`);
  return DOORS.filter((door) => door.to.test(target) && !door.opensFor.test(path)).flatMap((door) => {
    const taken = door.values === undefined ? [] : values.filter((v) => v === '*' || door.values?.includes(v));
    if (door.values !== undefined && taken.length === 0) return [];
    // A file of the same folder shares its room with what lies behind the door.
    const what = `imports ${taken.length === 0 ? '' : `${taken.join(', ')} of `}${target.replace('npm:', '')}`;
    return [{ path, line, what, why: door.why, mend: door.mend }];
  });
}
