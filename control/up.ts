import { existsSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { openCore } from '../core/app.ts';
import type { Product } from '../core/catalog/catalog.read.ts';
import { loadDemoCatalogue } from '../core/catalog/demo.ts';
import { systemClock } from '../core/kernel/clock.ts';
import { type Config, environment, loadConfig, requireServer } from '../core/kernel/config.ts';
import { openDatabase } from '../core/kernel/db/database.ts';
import { migrate } from '../core/kernel/db/migrate.ts';
import { createLogger, type Logger } from '../core/kernel/log.ts';
import { CORE_MIGRATIONS } from '../core/migrations.ts';
import { SANDBOX_MIGRATIONS } from '../core/sandbox/app.ts';
import { Child, type ChildSpec } from './up/child.ts';
import { embeddedDatabase, namedDatabase, type UpDatabase } from './up/database.ts';
import { type Life, live } from './up/life.ts';
import { lockDataDir } from './up/lock.ts';
import { demandFree, type Ports, portsFrom } from './up/ports.ts';
import { Screen } from './up/screen.ts';
import { issueInstanceTokens, keepTokens, keepWebhookSecret, type StartingTokens } from './up/tokens.ts';
import { welcome } from './up/welcome.ts';

/** Those that enforce rules, and so are known to control. */
const INSTANCES = ['core-1', 'reconcile-1'] as const;
/** What an earlier run that was killed may still need to be gone. */
const LEFTOVER_MS = 16_000;
const ROOT = resolve(import.meta.dirname, '..');

const say = (line: string): void => void process.stdout.write(`${line}\n`);
await live(say, up);

/** Everything on this machine: database, schema, tokens, then the processes side by side; and all of it down again. */
async function up(life: Life): Promise<void> {
  const config = loadConfig('up');
  const dataDir = resolve(config.dataDir);
  const log = createLogger('up', { logLevel: 'error', instance: 'up' });
  const screen = new Screen(say);
  const lock = await lockDataDir(dataDir);
  life.atExit(() => lock.release());
  screen.title(dataDir);
  const ports = await portsFrom(config.port);
  await demandFree(ports, lock.tookOver ? LEFTOVER_MS : 0, life.signal);
  const tell = (line: string): void => screen.note(line);
  const database = await openUpDatabase(config, { dataDir, ports, log, life, tell });
  screen.step('database', database.place);
  let children: readonly Child[] = [];
  try {
    const prepared = await prepare(config, database, dataDir, log, screen);
    children = childSpecs(config, { database, dataDir, ports, ...prepared }).map((spec) => new Child(spec, tell));
    life.atExit(() => {
      for (const child of children) child.kill();
    });
    const [products] = await Promise.all([
      demoCatalogue(config, database),
      ...children.map(async (child) => {
        if (await child.start(life.signal)) screen.step(child.name, child.url);
      }),
    ]);
    if (!life.signal.aborted) {
      const running = children.map(({ name, url, pid }) => ({
        what: name,
        where: url,
        pid,
        log: logOf(dataDir, name),
      }));
      const shown = [...running, { what: 'database', where: database.place, pid: undefined, log: '' }];
      screen.ready(welcome({ dataDir, ports, running: shown, tokensFile: prepared.tokens.file, products }));
      await new Promise<void>((done) => {
        life.signal.addEventListener('abort', () => done(), { once: true });
      });
    }
  } finally {
    await stopInOrder(children, database, screen);
  }
}

interface Opening {
  readonly dataDir: string;
  readonly ports: Ports;
  readonly log: Logger;
  readonly life: Life;
  readonly tell: (line: string) => void;
}

function openUpDatabase(config: Config, { dataDir, ports, log, life, tell }: Opening): Promise<UpDatabase> {
  if (config.databaseUrl !== undefined) return Promise.resolve(namedDatabase(config.databaseUrl, config.migrateUrl));
  return embeddedDatabase({ dataDir, port: ports.database, log, life, tell });
}

interface Prepared {
  readonly tokens: StartingTokens;
  readonly instanceTokens: Readonly<Record<string, string>>;
  readonly webhookSecret: string;
}

async function prepare(
  config: Config,
  database: UpDatabase,
  dataDir: string,
  log: Logger,
  screen: Screen,
): Promise<Prepared> {
  const appRole = decodeURIComponent(new URL(database.appUrl).username) || null;
  const applied: string[] = [];
  for (const { set, folder } of [CORE_MIGRATIONS, SANDBOX_MIGRATIONS]) {
    const done = await migrate({ url: database.ownerUrl, appRole, set, folder, log });
    applied.push(...done.applied.map((name) => `${set}/${name}`));
  }
  screen.step('schema', applied.length === 0 ? 'up to date' : `migrated: ${applied.join(', ')}`);
  await using db = await openDatabase({ url: database.appUrl, poolSize: 2, applicationName: 'tidegate up', log });
  const deps = { db, clock: systemClock, log };
  const tokens = await keepTokens(deps, dataDir);
  const instanceTokens = await issueInstanceTokens(deps, INSTANCES);
  const webhookSecret = config.webhookSecret ?? (await keepWebhookSecret(dataDir));
  screen.step('tokens', `${relative(process.cwd(), tokens.file)}${tokens.made.length === 0 ? '' : ' (made)'}`);
  return { tokens, instanceTokens, webhookSecret };
}

interface Plan extends Prepared {
  readonly database: UpDatabase;
  readonly dataDir: string;
  readonly ports: Ports;
}

function childSpecs(config: Config, plan: Plan): ChildSpec[] {
  const { ports, dataDir } = plan;
  const url = (port: number): string => `http://127.0.0.1:${port}`;
  const shared = {
    ...environment(),
    DATABASE_URL: plan.database.appUrl,
    TIDEGATE_MIGRATE_URL: plan.database.ownerUrl,
    TIDEGATE_DATA_DIR: dataDir,
    TIDEGATE_CONTROL_URL: url(ports.control),
    TIDEGATE_CORE_URL: url(ports.core),
    TIDEGATE_SANDBOX_URL: url(ports.sandbox),
    TIDEGATE_WEBHOOK_SECRET: plan.webhookSecret,
    TIDEGATE_LOG_LEVEL: config.logLevel,
    TIDEGATE_TOKEN: undefined,
  };
  const spec = (name: 'core' | 'control' | 'reconcile' | 'sandbox', main: string): ChildSpec => ({
    name,
    main: join(ROOT, main),
    url: url(ports[name]),
    env: {
      ...shared,
      PORT: String(ports[name]),
      TIDEGATE_INSTANCE: `${name}-1`,
      TIDEGATE_INSTANCE_TOKEN: plan.instanceTokens[`${name}-1`],
    },
    logFile: logOf(dataDir, name),
  });
  return [
    spec('core', 'core/main.ts'),
    spec('reconcile', 'reconcile/main.ts'),
    spec('control', 'control/main.ts'),
    spec('sandbox', 'core/sandbox/main.ts'),
  ].filter(({ main }) => existsSync(main));
}

function logOf(dataDir: string, name: string): string {
  return join(dataDir, 'logs', `${name}.log`);
}

/** Loads the source's two products once, so that the first order needs nothing more. */
async function demoCatalogue(config: Config, database: UpDatabase): Promise<readonly Product[]> {
  const log = createLogger('up', { logLevel: 'error', instance: 'up' });
  const own: Config = {
    ...config,
    databaseUrl: database.appUrl,
    instance: 'up',
    instanceToken: undefined,
    poolSize: 2,
  };
  requireServer(own);
  await using core = await openCore('core', own, log);
  // Awaited here: what it works with is closed as this function ends.
  return await loadDemoCatalogue(core.context);
}

/** Core and reconcile finish what is under way while all that they ask is still there; the database goes last. */
async function stopInOrder(children: readonly Child[], database: UpDatabase, screen: Screen): Promise<void> {
  const stages = [['core'], ['reconcile'], ['control', 'sandbox']];
  for (const stage of stages) {
    await Promise.all(
      children
        .filter(({ name }) => stage.includes(name))
        .map(async (child) => {
          await child.stop();
          screen.step(child.name, 'stopped');
        }),
    );
  }
  await database.stop();
  if (database.ours) screen.step('database', 'stopped');
}
