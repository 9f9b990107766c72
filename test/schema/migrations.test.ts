import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { DrizzleSnapshotJSON } from 'drizzle-kit/api';
import { bigint, pgSchema } from 'drizzle-orm/pg-core';
import { beforeAll, describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

/** The two databases' worth of tables, and where their migrations lie. */
const SCHEMAS = [
  { name: 'core, control and reconcile', tables: 'core/schema', migrations: 'core/schema/migrations' },
  { name: 'the sandbox', tables: 'core/sandbox/schema.ts', migrations: 'core/sandbox/migrations' },
] as const;

type Tables = Record<string, unknown>;

async function tablesOf(place: string): Promise<Tables> {
  const path = join(ROOT, place);
  const files = place.endsWith('.ts')
    ? [path]
    : (await readdir(path)).filter((file) => file.endsWith('.ts')).map((file) => join(path, file));
  const modules = await Promise.all(files.map((file) => import(pathToFileURL(file).href) as Promise<Tables>));
  return Object.assign({}, ...modules) as Tables;
}

interface Journal {
  readonly entries: readonly { readonly idx: number; readonly tag: string }[];
}

async function readJson<T>(path: string): Promise<T> {
  return JSON.parse(await readFile(path, 'utf8')) as T;
}

describe.each(SCHEMAS)('the migrations of $name', ({ tables, migrations }) => {
  const folder = join(ROOT, migrations);
  let journal: Journal;
  let newest: DrizzleSnapshotJSON;
  beforeAll(async () => {
    journal = await readJson<Journal>(join(folder, 'meta/_journal.json'));
    const number = String(journal.entries.length - 1).padStart(4, '0');
    newest = await readJson<DrizzleSnapshotJSON>(join(folder, `meta/${number}_snapshot.json`));
  });

  /** The statements that would bring the newest snapshot to these tables. */
  async function missing(wanted: Tables): Promise<string[]> {
    const { generateDrizzleJson, generateMigration } = await import('drizzle-kit/api');
    return generateMigration(newest, generateDrizzleJson(wanted, newest.id));
  }

  test('bring every table that the code declares: nothing is left to generate', async () => {
    expect(await missing(await tablesOf(tables)), 'run `npm run migrations` and commit what it writes').toEqual([]);
  });

  test('would be found behind a new table', async () => {
    const planted = pgSchema('core').table('planted', { id: bigint('id', { mode: 'number' }) });
    const statements = await missing({ ...(await tablesOf(tables)), planted });
    expect(statements.join('\n')).toContain('CREATE TABLE "core"."planted"');
  });

  test('are numbered without a gap, and the journal names each file once', async () => {
    const files = (await readdir(folder)).filter((file) => file.endsWith('.sql')).sort();
    expect(journal.entries.map((entry) => `${entry.tag}.sql`)).toEqual(files);
    expect(journal.entries.map((entry) => entry.idx)).toEqual(files.map((_, at) => at));
    expect(files.map((file) => Number(file.slice(0, 4)))).toEqual(files.map((_, at) => at));
  });
});
