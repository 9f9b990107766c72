import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import type { Logger } from '../log.ts';
import type { Sql } from './database.ts';
import { asUnavailable } from './failures.ts';

/** One history of a database. */
export interface MigrationSet {
  /** Its name: `core`, `sandbox`. */
  readonly set: string;
  /** A drizzle-kit folder: `meta/_journal.json` and one SQL file an entry. */
  readonly folder: string;
}

export interface MigrateOptions extends MigrationSet {
  /** The owner's role. */
  readonly url: string;
  /** The role the processes run under; NULL or the owner itself: the grants are skipped. */
  readonly appRole: string | null;
  readonly log: Logger;
}

export interface Migrated {
  readonly applied: readonly string[];
  /** Whether the application's role is another than the owner, so that append-only is kept by privileges too. */
  readonly separateRoles: boolean;
}

/** The database has a breaking migration that this program does not know: it is older than its schema. */
export class SchemaTooNew extends Error {
  readonly exitCode = 4;
  constructor(set: string, name: string) {
    super(
      `the database's ${set} schema has the breaking migration ${name}, which this version does not know; run the newer version`,
    );
    this.name = 'SchemaTooNew';
  }
}

/** A migration that was applied reads differently now: the history was rewritten, and no one can say what the tables are. */
export class MigrationChanged extends Error {
  readonly exitCode = 4;
  constructor(set: string, name: string) {
    super(`the migration ${set}/${name} was changed after it was applied; restore its file and add a new one instead`);
    this.name = 'MigrationChanged';
  }
}

interface Migration {
  readonly name: string;
  readonly text: string;
  readonly digest: string;
  readonly breaking: boolean;
}

/** One lock for all sets: two replicas that start together migrate one after the other. The number is arbitrary but fixed. */
const LOCK = 728_113_001;
const CONNECT_TIMEOUT_MS = 5_000;
const SCHEMAS = ['core', 'control', 'reconcile', 'sandbox'];
/** Rows of these are written once; beside the triggers the application's role lacks the privilege to change them. */
const APPEND_ONLY = ['core.posting', 'core.entry', 'core.event', 'core.seal', 'control.revision', 'control.audit'];

/** Brings a database up to date, each migration in a transaction of its own, forward only. */
export async function migrate(options: MigrateOptions): Promise<Migrated> {
  const migrations = await readMigrations(options.folder);
  const client = await connect(options.url);
  try {
    await client.query('SELECT pg_advisory_lock($1)', [LOCK]);
    await client.query(`CREATE TABLE IF NOT EXISTS public.tidegate_migration (
      set text NOT NULL, name text NOT NULL, digest text NOT NULL, breaking boolean NOT NULL,
      applied_at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (set, name))`);
    const known = await client.query<Applied>(
      'SELECT name, digest, breaking FROM public.tidegate_migration WHERE set = $1',
      [options.set],
    );
    demandKnown(options.set, migrations, known.rows);
    const done = new Set(known.rows.map((row) => row.name));
    const open = migrations.filter((m) => !done.has(m.name));
    for (const migration of open) await apply(client, options.set, migration);
    const separateRoles = await grant(client, options.appRole);
    if (open.length > 0) options.log.info({ set: options.set, applied: open.map((m) => m.name) }, 'migrated');
    return { applied: open.map((m) => m.name), separateRoles };
  } finally {
    await client.end();
  }
}

/** Throws `DatabaseUnavailable` when the server does not answer in time, or does not let us in. */
async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'tidegate migrate',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  // A connection that dies says so to the statement under way; without a listener it would end the process as well.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return client;
  } catch (error) {
    // Not awaited: of a connection that never came about it does not settle.
    client.end().catch(() => undefined);
    throw asUnavailable(error);
  }
}

/** For processes that do not migrate: refuses a schema that is older than the program, or newer and breaking. */
export async function assertSchemaCurrent(db: Sql, set: string, folder: string): Promise<void> {
  const migrations = await readMigrations(folder);
  const rows = await readApplied(db, set);
  demandKnown(set, migrations, rows);
  const missing = migrations.find((m) => !rows.some((row) => row.name === m.name));
  if (missing !== undefined) {
    throw Object.assign(
      new Error(`the database lacks the migration ${set}/${missing.name}; migrate it first (npm start does)`),
      { exitCode: 4 },
    );
  }
}

/** None in a database that was never migrated. */
async function readApplied(db: Sql, set: string): Promise<readonly Applied[]> {
  const [history] = await db.query<{ there: boolean }>({
    text: `SELECT to_regclass('public.tidegate_migration') IS NOT NULL AS there`,
  });
  if (history?.there !== true) return [];
  return db.query<Applied>({
    text: 'SELECT name, digest, breaking FROM public.tidegate_migration WHERE set = $1',
    values: [set],
  });
}

interface Applied {
  readonly name: string;
  readonly digest: string;
  readonly breaking: boolean;
}

function demandKnown(set: string, migrations: readonly Migration[], applied: readonly Applied[]): void {
  for (const row of applied) {
    const ours = migrations.find((m) => m.name === row.name);
    if (ours === undefined && row.breaking) throw new SchemaTooNew(set, row.name);
    if (ours !== undefined && ours.digest !== row.digest) throw new MigrationChanged(set, row.name);
  }
}

async function readMigrations(folder: string): Promise<Migration[]> {
  const journal = await readFile(join(folder, 'meta', '_journal.json'), 'utf8');
  const { entries } = JSON.parse(journal) as { entries: { idx: number; tag: string }[] };
  const ordered = [...entries].sort((a, b) => a.idx - b.idx);
  return Promise.all(
    ordered.map(async ({ tag }) => {
      const text = await readFile(join(folder, `${tag}.sql`), 'utf8');
      return {
        name: tag,
        text,
        digest: createHash('sha256').update(text).digest('hex'),
        breaking: text.startsWith('-- breaking'),
      };
    }),
  );
}

async function apply(client: pg.Client, set: string, migration: Migration): Promise<void> {
  await client.query('BEGIN');
  try {
    for (const statement of migration.text.split('--> statement-breakpoint')) {
      if (statement.trim() !== '') await client.query(statement);
    }
    await client.query('INSERT INTO public.tidegate_migration (set, name, digest, breaking) VALUES ($1, $2, $3, $4)', [
      set,
      migration.name,
      migration.digest,
      migration.breaking,
    ]);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw new Error(
      `the migration ${set}/${migration.name} failed: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}

/**
 * Lets the application's role read and write, but change nothing that is append only. In one transaction: what is granted
 * on all tables and taken back on some must not stand open between the two, least of all when the migrator dies there.
 */
async function grant(client: pg.Client, appRole: string | null): Promise<boolean> {
  const { rows } = await client.query<{ owner: string }>('SELECT current_user AS owner');
  if (appRole === null || appRole === rows[0]?.owner) return false;
  await client.query('BEGIN');
  try {
    await grantTo(client, client.escapeIdentifier(appRole));
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
  return true;
}

async function grantTo(client: pg.Client, role: string): Promise<void> {
  const { rows: schemas } = await client.query<{ name: string }>(
    'SELECT nspname AS name FROM pg_namespace WHERE nspname = ANY($1)',
    [SCHEMAS],
  );
  for (const { name } of schemas) {
    await client.query(`GRANT USAGE ON SCHEMA ${name} TO ${role}`);
    await client.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${name} TO ${role}`);
    await client.query(`GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA ${name} TO ${role}`);
  }
  for (const table of APPEND_ONLY) {
    const { rows: there } = await client.query<{ oid: string | null }>('SELECT to_regclass($1) AS oid', [table]);
    if (there[0]?.oid !== null) await client.query(`REVOKE UPDATE, DELETE, TRUNCATE ON ${table} FROM ${role}`);
  }
  await client.query(`GRANT SELECT ON public.tidegate_migration TO ${role}`);
}
