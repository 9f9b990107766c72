import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { asAdmin } from '../../support/admin.ts';
import { type TestDatabase, testDatabase } from '../../support/database.ts';
import { scratch } from '../../support/tidegate.ts';

const ROOT = join(import.meta.dirname, '../../..');

let database: TestDatabase;
let folder: Awaited<ReturnType<typeof scratch>>;
beforeAll(async () => {
  database = await testDatabase({ poolSize: 1 });
  folder = await scratch();
  for (const set of ['core', 'sandbox'])
    await asAdmin(
      database.ownerUrl,
      `INSERT INTO public.tidegate_migration (set, name, digest, breaking) VALUES ('${set}', '9999_future', 'x', true)`,
    );
});
afterAll(async () => {
  await database?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

async function ended(main: string): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [join(ROOT, main)], {
    env: {
      PATH: process.env['PATH'] ?? '',
      DATABASE_URL: database.appUrl,
      TIDEGATE_DATA_DIR: folder.path,
      TIDEGATE_WEBHOOK_SECRET: `whsec_${Buffer.from('a secret of this test alone, 32 bytes').toString('base64')}`,
      TIDEGATE_CONTROL_URL: 'http://127.0.0.1:9',
      TIDEGATE_SANDBOX_URL: 'http://127.0.0.1:9',
      PORT: '0',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  const code = await new Promise<number | null>((done) => child.once('close', done));
  return { code, output };
}

test.each([
  ['core/main.ts', 'core'],
  ['reconcile/main.ts', 'core'],
  ['control/main.ts', 'core'],
  ['core/sandbox/main.ts', 'sandbox'],
])('%s does not start on a schema that is too new for it: it says so, exit 4', async (main, set) => {
  const { code, output } = await ended(main);
  expect(output).toContain(
    `the database's ${set} schema has the breaking migration 9999_future, which this version does not know; run the newer version`,
  );
  expect(code).toBe(4);
});
