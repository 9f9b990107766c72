import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { freePort } from '../../core/kernel/ports.ts';
import { asAdmin } from '../support/admin.ts';
import { freshName, type TestDatabase, testDatabase } from '../support/database.ts';
import { WEBHOOK_SECRET } from '../support/system.ts';

/** A process that cannot run says why in one line, without a stack, and ends with the code of the reason. */
const ROOT = join(import.meta.dirname, '../..');
const MAINS = {
  core: 'core/main.ts',
  control: 'control/main.ts',
  reconcile: 'reconcile/main.ts',
  sandbox: 'core/sandbox/main.ts',
} as const;

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase({ poolSize: 1 });
});
afterAll(() => database?.[Symbol.asyncDispose]());

async function start(main: string, env: Record<string, string>): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [join(ROOT, main)], {
    cwd: ROOT,
    env: {
      PATH: process.env['PATH'],
      PORT: '0',
      TIDEGATE_DATA_DIR: '/var/tmp/tidegate-never-written',
      TIDEGATE_WEBHOOK_SECRET: WEBHOOK_SECRET,
      TIDEGATE_LOG_LEVEL: 'warn',
      DATABASE_URL: database.appUrl,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const [code] = (await once(child, 'close')) as [number | null];
  expect(output).not.toContain('"stack"');
  expect(output).not.toContain('geheim');
  return { code, output };
}

/** The one line that a person looks for. */
function fatalIn(output: string): string {
  const lines = output.split('\n').filter((line) => line.includes('"level":"fatal"'));
  expect(lines, output).toHaveLength(1);
  return String((JSON.parse(lines[0] ?? '{}') as { msg?: unknown }).msg);
}

describe.each(Object.entries(MAINS))('%s', (name, main) => {
  it('without DATABASE_URL ends with 2', async () => {
    const { code, output } = await start(main, { DATABASE_URL: '' });
    expect(output).toMatch(/^DATABASE_URL is missing: .*\n$/);
    expect(code).toBe(2);
  });

  it('with a value that cannot be ends with 2', async () => {
    const { code, output } = await start(main, { TIDEGATE_POOL_SIZE: '0' });
    expect(output).toBe('TIDEGATE_POOL_SIZE cannot be "0": expected a whole number from 1 to 500\n');
    expect(code).toBe(2);
  });

  it('with a database that does not answer ends with 4', async () => {
    const port = await freePort();
    const { code, output } = await start(main, { DATABASE_URL: `postgres://app:geheim@127.0.0.1:${port}/tidegate` });
    expect(fatalIn(output)).toBe(`the database does not answer (connect ECONNREFUSED 127.0.0.1:${port})`);
    expect(code).toBe(4);
  });

  it('with a wrong password ends with 4', async () => {
    const wrong = new URL(database.appUrl);
    wrong.password = 'geheim';
    const { code, output } = await start(main, { DATABASE_URL: wrong.toString() });
    expect(fatalIn(output)).toMatch(/^the database does not let us in \(password authentication failed/);
    expect(code).toBe(4);
  });

  it('with a database that was never migrated ends with 4', async () => {
    const empty = new URL(database.adminUrl);
    empty.pathname = `/${freshName()}`;
    await asAdmin(inject('cluster').adminUrl, `CREATE DATABASE ${empty.pathname.slice(1)}`);
    try {
      const { code, output } = await start(main, { DATABASE_URL: empty.toString() });
      expect(fatalIn(output)).toMatch(/^the database lacks the migration \w+\/0000_init; migrate it first/);
      expect(code).toBe(4);
    } finally {
      await asAdmin(inject('cluster').adminUrl, `DROP DATABASE ${empty.pathname.slice(1)}`);
    }
  });

  it('that is to listen on an address of another machine ends with 3', async () => {
    const { code, output } = await start(main, { TIDEGATE_HOST: '203.0.113.7', TIDEGATE_SANDBOX_EXPOSE: 'yes' });
    expect(fatalIn(output)).toBe(
      `${name} cannot listen on 203.0.113.7:0 (EADDRNOTAVAIL); set TIDEGATE_HOST and PORT to what this machine has`,
    );
    expect(code).toBe(3);
  });

  it('whose port is taken ends with 3', async () => {
    await using taken = createServer((socket) => socket.resume());
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const address = taken.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const { code, output } = await start(main, { PORT: String(port) });
    expect(fatalIn(output)).toMatch(
      new RegExp(`^${name} cannot listen on 127\\.0\\.0\\.1:${port}: the port is taken\\. Stop`),
    );
    expect(code).toBe(3);
  });
});

it('a core without the secret of its callbacks ends with 2', async () => {
  const { code, output } = await start(MAINS.core, { TIDEGATE_WEBHOOK_SECRET: '' });
  expect(output).toContain('TIDEGATE_WEBHOOK_SECRET');
  expect(code).toBe(2);
});
