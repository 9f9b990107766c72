import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { migrate } from '../../../core/kernel/db/migrate.ts';
import { CORE_MIGRATIONS } from '../../../core/migrations.ts';
import { asAdmin } from '../../support/admin.ts';
import { silent, type TestDatabase, testDatabase } from '../../support/database.ts';

const APP = 'tidegate_app';
/** Written once: what was booked, what happened, what was decided, who did it. */
const JOURNALS = ['control.audit', 'control.revision', 'core.entry', 'core.event', 'core.posting', 'core.seal'];

let database: TestDatabase;
let owner: pg.Client;
beforeAll(async () => {
  database = await testDatabase();
  owner = new pg.Client({ connectionString: database.ownerUrl });
  await owner.connect();
  const [posting] = (
    await owner.query<{ id: string }>(
      `INSERT INTO core.posting (kind, reference, reason, at) VALUES ('capture', 'cap_1', 'a test', now()) RETURNING id`,
    )
  ).rows;
  await owner.query(
    `INSERT INTO core.account (id, kind, currency, created_at) VALUES ('suspense:CNY', 'suspense', 'CNY', now())`,
  );
  await owner.query(
    `INSERT INTO core.entry (posting_id, account_id, amount, currency, at) VALUES ($1, 'suspense:CNY', 100, 'CNY', now())`,
    [posting?.id],
  );
});
afterAll(async () => {
  await owner?.end();
  await database?.[Symbol.asyncDispose]();
});

/** The SQLSTATE and message of a statement that must fail. */
async function refused(
  run: (text: string) => Promise<unknown>,
  text: string,
): Promise<{ code: string; message: string }> {
  try {
    await run(text);
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return { code, message };
  }
  throw new Error(`this was let through: ${text}`);
}
const asApp = (text: string): Promise<unknown> => database.db.query({ text });
const asOwner = (text: string): Promise<unknown> => owner.query(text);

async function rows<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
  return (await owner.query<Row>(text, values)).rows;
}

/** The first column of a table that a statement may name on its left side. */
async function plainColumn(table: string): Promise<string> {
  const [column] = await rows<{ name: string }>(
    `SELECT attname AS name FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND attidentity = '' LIMIT 1`,
    [table],
  );
  if (column === undefined) throw new Error(`${table} has no column`);
  return column.name;
}

describe("the application's role and what was written once", () => {
  test.each(JOURNALS)('%s: it adds and reads, and can change nothing', async (table) => {
    const column = await plainColumn(table);
    for (const statement of [
      `UPDATE ${table} SET ${column} = ${column}`,
      `UPDATE ${table} SET ${column} = ${column} WHERE false`,
      `DELETE FROM ${table}`,
      `DELETE FROM ${table} WHERE false`,
      `TRUNCATE ${table} CASCADE`,
      `SELECT * FROM ${table} FOR UPDATE`,
      `MERGE INTO ${table} t USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE`,
    ])
      expect(await refused(asApp, statement), statement).toEqual({
        code: '42501',
        message: `permission denied for table ${table.split('.')[1]}`,
      });
    const privileges = await rows<{ privilege: string }>(
      `SELECT privilege_type AS privilege FROM information_schema.table_privileges
        WHERE grantee = $1 AND table_schema || '.' || table_name = $2 ORDER BY 1`,
      [APP, table],
    );
    expect(privileges.map(({ privilege }) => privilege)).toEqual(['INSERT', 'SELECT']);
  });

  test.each(JOURNALS)('%s: not even its owner changes it by mistake', async (table) => {
    const column = await plainColumn(table);
    for (const [what, statement] of [
      ['UPDATE', `UPDATE ${table} SET ${column} = ${column} WHERE false`],
      ['DELETE', `DELETE FROM ${table} WHERE false`],
      ['TRUNCATE', `TRUNCATE ${table} CASCADE`],
    ] as const) {
      const { code, message } = await refused(asOwner, statement);
      expect(code, statement).toBe('42501');
      // A cascade reaches those that hang on it first.
      if (what === 'TRUNCATE') expect(message).toMatch(/ is append only: TRUNCATE refused$/);
      else expect(message).toBe(`${table} is append only: ${what} refused`);
    }
  });

  test('an upsert does not get around it', async () => {
    const text = `INSERT INTO core.posting (kind, reference, reason, at) VALUES ('capture', 'cap_1', 'again', now())
      ON CONFLICT (kind, reference) DO UPDATE SET reason = excluded.reason`;
    expect((await refused(asApp, text)).code).toBe('42501');
    expect((await refused(asOwner, text)).message).toMatch(/core\.posting is append only: UPDATE refused/);
    expect(await rows(`SELECT reason FROM core.posting WHERE reference = 'cap_1'`)).toEqual([{ reason: 'a test' }]);
  });

  test('no rule is kept by the trigger alone, or by the privilege alone', async () => {
    const guarded = await rows<{ name: string }>(
      `SELECT DISTINCT c.relnamespace::regnamespace || '.' || c.relname AS name FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        JOIN pg_proc p ON p.oid = t.tgfoid WHERE p.proname = 'refuse_change' AND t.tgenabled = 'O' ORDER BY 1`,
    );
    expect(guarded.map(({ name }) => name)).toEqual(JOURNALS);
    const unchangeable = await rows<{ name: string }>(
      `SELECT n.nspname || '.' || c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND n.nspname IN ('core', 'control', 'reconcile', 'sandbox')
          AND NOT has_table_privilege($1, c.oid, 'UPDATE') ORDER BY 1`,
      [APP],
    );
    expect(unchangeable.map(({ name }) => name)).toEqual(JOURNALS);
  });
});

describe("the application's role and the shape of the database", () => {
  test.each([
    'CREATE TABLE core.mine (id int)',
    'CREATE TABLE public.mine (id int)',
    'CREATE SCHEMA mine',
    'CREATE EXTENSION hstore',
    'CREATE FUNCTION core.mine() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$',
    'CREATE OR REPLACE FUNCTION core.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$',
    'CREATE INDEX mine ON core.entry (amount)',
    'ALTER TABLE core.entry ADD COLUMN mine int',
    'ALTER TABLE core.entry DISABLE TRIGGER ALL',
    'ALTER TABLE core.orders OWNER TO tidegate_app',
    'DROP TABLE core.orders',
    'DROP TRIGGER entry_append_only ON core.entry',
    'DROP SCHEMA core CASCADE',
    'GRANT tidegate_owner TO tidegate_app',
    'CREATE ROLE mine',
    'ALTER ROLE tidegate_app SUPERUSER',
    'SET ROLE tidegate_owner',
    `SET session_replication_role = 'replica'`,
    'TRUNCATE core.orders',
    `UPDATE public.tidegate_migration SET digest = 'x'`,
    'DELETE FROM public.tidegate_migration',
    'SELECT rolpassword FROM pg_authid',
    `SELECT pg_read_file('/etc/passwd')`,
    `COPY core.orders TO PROGRAM 'cat'`,
  ])('cannot: %s', async (statement) => {
    const { code, message } = await refused(asApp, statement);
    expect([code, message]).toEqual([
      '42501',
      expect.stringMatching(/permission denied|must be owner|denied to set|only roles/i),
    ]);
  });

  test('grants itself nothing: it holds nothing that it may pass on', async () => {
    await asApp('GRANT ALL ON core.entry TO tidegate_app');
    expect((await refused(asApp, 'DELETE FROM core.entry')).code).toBe('42501');
    await asApp('GRANT CREATE ON SCHEMA core TO tidegate_app');
    expect((await refused(asApp, 'CREATE TABLE core.mine (id int)')).code).toBe('42501');
  });

  test('owns nothing, belongs to nobody, and is no superuser', async () => {
    const [role] = await rows(
      `SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls,
          (SELECT count(*)::int FROM pg_class WHERE relowner = r.oid) AS owned,
          (SELECT count(*)::int FROM pg_auth_members WHERE member = r.oid) AS memberships
        FROM pg_roles r WHERE rolname = $1`,
      [APP],
    );
    expect(role).toEqual({
      rolsuper: false,
      rolcreaterole: false,
      rolcreatedb: false,
      rolreplication: false,
      rolbypassrls: false,
      owned: 0,
      memberships: 0,
    });
  });

  test('holds no privilege but to read, add, change and remove rows, and nobody else holds any', async () => {
    const granted = await rows<{ grantee: string; privilege: string; grantable: string }>(
      `SELECT DISTINCT grantee, privilege_type AS privilege, is_grantable AS grantable FROM information_schema.table_privileges
        WHERE table_schema IN ('core', 'control', 'reconcile', 'sandbox', 'public') AND grantee <> 'tidegate_owner' ORDER BY 1, 2`,
    );
    expect(granted).toEqual(
      ['DELETE', 'INSERT', 'SELECT', 'UPDATE'].map((privilege) => ({ grantee: APP, privilege, grantable: 'NO' })),
    );
  });

  test('gets what a new table needs with the migration that brings it', async () => {
    await asAdmin(database.ownerUrl, 'CREATE TABLE core.brought (id bigint GENERATED ALWAYS AS IDENTITY, note text)');
    expect((await refused(asApp, 'SELECT * FROM core.brought')).code).toBe('42501');
    const again = { url: database.ownerUrl, appRole: APP, ...CORE_MIGRATIONS, log: silent };
    expect(await migrate(again)).toEqual({ applied: [], separateRoles: true });
    await asApp(`INSERT INTO core.brought (note) VALUES ('a')`);
    await asApp(`UPDATE core.brought SET note = 'b'`);
    expect((await refused(asApp, 'UPDATE core.entry SET amount = 0')).code).toBe('42501');
  });

  test('is never let at the journal for a moment while a second start grants again', async () => {
    let over = false;
    const migrations = (async () => {
      for (let i = 0; i < 15; i += 1)
        await migrate({ url: database.ownerUrl, appRole: APP, ...CORE_MIGRATIONS, log: silent });
    })().finally(() => {
      over = true;
    });
    const seen = new Set<boolean>();
    let looks = 0;
    while (!over) {
      const [look] = await rows<{ open: boolean }>(
        `SELECT has_table_privilege($1, 'core.entry', 'UPDATE') OR has_table_privilege($1, 'core.posting', 'DELETE') AS open`,
        [APP],
      );
      seen.add(look?.open ?? true);
      looks += 1;
    }
    await migrations;
    expect([...seen]).toEqual([false]);
    expect(looks).toBeGreaterThan(15);
  });

  test('with one role for both, it says that privileges guard nothing', async () => {
    const same = { url: database.ownerUrl, ...CORE_MIGRATIONS, log: silent };
    expect(await migrate({ ...same, appRole: 'tidegate_owner' })).toMatchObject({ separateRoles: false });
    expect(await migrate({ ...same, appRole: null })).toMatchObject({ separateRoles: false });
  });
});
