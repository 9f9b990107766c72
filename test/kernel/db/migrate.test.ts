import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openDatabase } from '../../../core/kernel/db/database.ts';
import {
  assertSchemaCurrent,
  type Migrated,
  MigrationChanged,
  migrate,
  SchemaTooNew,
} from '../../../core/kernel/db/migrate.ts';
import { asAdmin } from '../../support/admin.ts';
import { type BlankDatabase, blankDatabase, silent } from '../../support/database.ts';
import { eventually } from '../../support/eventually.ts';
import { scratch } from '../../support/tidegate.ts';

const APP = 'tidegate_app';
/** What each release of a program brings along, by its name. */
const ONE = ['0000_one', 'CREATE SCHEMA core; CREATE TABLE core.one (id int)'] as const;
const TWO = [
  '0001_two',
  'CREATE TABLE core.two (id int);\n--> statement-breakpoint\nINSERT INTO core.two VALUES (1)',
] as const;
const BREAKING = ['0002_breaking', '-- breaking\nALTER TABLE core.two RENAME TO three'] as const;

let database: BlankDatabase;
let folder: Awaited<ReturnType<typeof scratch>>;
beforeEach(async () => {
  database = await blankDatabase();
  folder = await scratch();
});
afterEach(async () => {
  await database?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

let releases = 0;
/** A migrations folder as drizzle-kit writes it. */
async function release(...migrations: readonly (readonly [name: string, text: string])[]): Promise<string> {
  releases += 1;
  const at = join(folder.path, `release-${releases}`);
  await mkdir(join(at, 'meta'), { recursive: true });
  const entries = migrations.map(([tag], idx) => ({ idx, tag }));
  await writeFile(join(at, 'meta/_journal.json'), JSON.stringify({ entries: entries.reverse() }));
  for (const [name, text] of migrations) await writeFile(join(at, `${name}.sql`), text);
  return at;
}

function run(at: string, set = 'core'): Promise<Migrated> {
  return migrate({ url: database.ownerUrl, appRole: APP, set, folder: at, log: silent });
}

async function rows<Row extends pg.QueryResultRow>(text: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: database.ownerUrl });
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}
const history = async (): Promise<string[]> =>
  (await rows<{ name: string }>('SELECT name FROM public.tidegate_migration ORDER BY applied_at')).map(
    ({ name }) => name,
  );

describe('migrations', () => {
  test('are applied in the order of the journal, once, and each release brings its own', async () => {
    expect(await run(await release(ONE))).toEqual({ applied: ['0000_one'], separateRoles: true });
    expect(await run(await release(ONE, TWO, BREAKING))).toMatchObject({ applied: ['0001_two', '0002_breaking'] });
    expect(await run(await release(ONE, TWO, BREAKING))).toMatchObject({ applied: [] });
    expect(await history()).toEqual(['0000_one', '0001_two', '0002_breaking']);
    expect(await rows('SELECT id FROM core.three')).toEqual([{ id: 1 }]);
  });

  test('of several programs that start at once are applied once: they wait for each other', async () => {
    const at = await release(ONE, TWO, BREAKING);
    const done = await Promise.all([run(at), run(at), run(at), run(at)]);
    expect(done.map(({ applied }) => applied.length).sort()).toEqual([0, 0, 0, 3]);
    expect(await history()).toEqual(['0000_one', '0001_two', '0002_breaking']);
    expect(await rows('SELECT id FROM core.three')).toEqual([{ id: 1 }]);
  });

  test('of two sets share the lock and not the history', async () => {
    const other = ['0000_one', 'CREATE SCHEMA sandbox; CREATE TABLE sandbox.one (id int)'] as const;
    const done = await Promise.all([run(await release(ONE)), run(await release(other), 'sandbox')]);
    expect(done.map(({ applied }) => applied)).toEqual([['0000_one'], ['0000_one']]);
    expect(await rows('SELECT set, name FROM public.tidegate_migration ORDER BY set')).toEqual([
      { set: 'core', name: '0000_one' },
      { set: 'sandbox', name: '0000_one' },
    ]);
  });

  test('go on when the program that had the lock dies in the middle: what it had not committed is not there', async () => {
    const slow = [
      '0001_slow',
      `CREATE TABLE core.two (id int);\n--> statement-breakpoint\nSELECT pg_sleep(60)`,
    ] as const;
    const first = run(await release(ONE, slow)).catch((error: Error) => error);
    const sleeping = `FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'
      AND application_name = 'tidegate migrate' AND query LIKE '%pg_sleep(60)%'`;
    await eventually(async () => (await rows(`SELECT pid ${sleeping}`)).length === 1);
    const second = run(await release(ONE, TWO));
    const waiting = `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
    await eventually(async () => (await rows(waiting)).length === 1);
    expect(await history()).toEqual(['0000_one']);
    await rows(`SELECT pg_terminate_backend(pid) ${sleeping}`);
    expect(await first).toBeInstanceOf(Error);
    expect(await second).toMatchObject({ applied: ['0001_two'] });
    expect(await rows('SELECT id FROM core.two')).toEqual([{ id: 1 }]);
  });

  test('that fail leave nothing of themselves, keep what came before, and are named', async () => {
    const broken = ['0001_two', 'CREATE TABLE core.two (id int);\n--> statement-breakpoint\nSELECT 1 / 0'] as const;
    await expect(run(await release(ONE, broken, BREAKING))).rejects.toThrow(
      'the migration core/0001_two failed: division by zero',
    );
    expect(await history()).toEqual(['0000_one']);
    expect(await rows(`SELECT to_regclass('core.two') AS two`)).toEqual([{ two: null }]);
    expect(await run(await release(ONE, TWO))).toMatchObject({ applied: ['0001_two'] });
  });

  test('that were rewritten after they had been applied are refused before anything is done', async () => {
    await run(await release(ONE));
    const rewritten = [ONE[0], `${ONE[1]}; CREATE TABLE core.extra (id int)`] as const;
    const refused = run(await release(rewritten, TWO));
    await expect(refused).rejects.toBeInstanceOf(MigrationChanged);
    await expect(refused).rejects.toMatchObject({ exitCode: 4, message: expect.stringContaining('core/0000_one') });
    expect(await history()).toEqual(['0000_one']);
  });
});

describe('an older program on a newer database', () => {
  test('refuses one whose newer migration is breaking, to migrate as to run', async () => {
    const old = await release(ONE, TWO);
    await run(await release(ONE, TWO, BREAKING));
    await expect(run(old)).rejects.toBeInstanceOf(SchemaTooNew);
    await expect(run(old)).rejects.toMatchObject({
      exitCode: 4,
      message: expect.stringMatching(/core schema has the breaking migration 0002_breaking.*run the newer version/),
    });
    await using db = await openDatabase({ url: database.appUrl, poolSize: 1, applicationName: 'test', log: silent });
    await expect(assertSchemaCurrent(db, 'core', old)).rejects.toBeInstanceOf(SchemaTooNew);
    expect(await history()).toEqual(['0000_one', '0001_two', '0002_breaking']);
  });

  test('works on one whose newer migrations only add', async () => {
    const old = await release(ONE);
    await run(await release(ONE, TWO));
    expect(await run(old)).toMatchObject({ applied: [] });
    await using db = await openDatabase({ url: database.appUrl, poolSize: 1, applicationName: 'test', log: silent });
    await assertSchemaCurrent(db, 'core', old);
  });
});

describe('a program on a database that is older than it', () => {
  test('does not run, and says what is missing and who brings it', async () => {
    await run(await release(ONE));
    await using db = await openDatabase({ url: database.appUrl, poolSize: 1, applicationName: 'test', log: silent });
    await expect(assertSchemaCurrent(db, 'core', await release(ONE, TWO))).rejects.toMatchObject({
      exitCode: 4,
      message: 'the database lacks the migration core/0001_two; migrate it first (npm start does)',
    });
    await expect(assertSchemaCurrent(db, 'sandbox', await release(ONE))).rejects.toMatchObject({ exitCode: 4 });
  });

  test('does not run on an empty one either', async () => {
    await asAdmin(database.adminUrl, `GRANT CONNECT ON DATABASE ${database.name} TO ${APP}`);
    await using db = await openDatabase({ url: database.appUrl, poolSize: 1, applicationName: 'test', log: silent });
    await expect(assertSchemaCurrent(db, 'core', await release(ONE))).rejects.toMatchObject({
      exitCode: 4,
      message: 'the database lacks the migration core/0000_one; migrate it first (npm start does)',
    });
  });
});
