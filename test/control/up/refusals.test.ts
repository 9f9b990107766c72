import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../../core/kernel/ports.ts';
import { testDatabase } from '../../support/database.ts';
import { DataDir, kill, Up } from '../../support/up.ts';

let dataDir: DataDir;
beforeAll(async () => {
  dataDir = await DataDir.make();
});
afterAll(() => dataDir?.[Symbol.asyncDispose]());

/** What it says before it gives up, without the line that names the data folder, and the code it ends with. */
async function refusal(env: Record<string, string>): Promise<{ code: number | null; lines: string[] }> {
  const up = new Up({ dataDir, env });
  const code = await up.ended;
  expect(up.output).not.toMatch(/^\s+at /m);
  const lines = up.output.split('\n').filter((line) => line !== '' && !line.startsWith('Tidegate starts'));
  return { code, lines };
}

async function listen(port = 0): Promise<Server & AsyncDisposable> {
  const server = createServer((socket) => socket.resume());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve);
  });
  return server;
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it does not listen');
  return address.port;
}

describe('a value that cannot be is one line and exit 2', () => {
  it.each([
    [{ PORT: 'ninety' }, 'PORT cannot be "ninety": expected a whole number from 0 to 65535'],
    [{ PORT: '65520' }, /^PORT cannot be "65520": .* expected a whole number from 0 to 65503$/],
    [
      { DATABASE_URL: 'mysql://root:geheim@127.0.0.1/x' },
      /^DATABASE_URL cannot be its value \(not shown\): expected a URL/,
    ],
    [{ TIDEGATE_LOG_LEVEL: 'loud' }, /^TIDEGATE_LOG_LEVEL cannot be "loud": expected one of/],
    [{ TIDEGATE_DATA_DIR: '/etc/passwd' }, /^TIDEGATE_DATA_DIR cannot be "\/etc\/passwd": expected a folder .*EEXIST/],
    [
      { TIDEGATE_DATA_DIR: '/etc/passwd/x' },
      /^TIDEGATE_DATA_DIR cannot be "\/etc\/passwd\/x": expected a folder .*ENOTDIR/,
    ],
  ])('%j', async (env, line) => {
    const { code, lines } = await refusal({ ...env });
    expect(lines).toEqual([typeof line === 'string' ? line : expect.stringMatching(line)]);
    expect(code).toBe(2);
  });
});

describe('a database that cannot be used is one line and exit 4', () => {
  it('when nothing listens there', async () => {
    const port = await freePort();
    const { code, lines } = await refusal({ DATABASE_URL: `postgres://app:geheim@127.0.0.1:${port}/tidegate` });
    expect(lines.at(-1)).toBe(`the database does not answer (connect ECONNREFUSED 127.0.0.1:${port})`);
    expect(lines.join('\n')).not.toContain('geheim');
    expect(code).toBe(4);
  });

  it('when something listens that never answers', async () => {
    await using silent = await listen();
    const { code, lines } = await refusal({
      DATABASE_URL: `postgres://app:geheim@127.0.0.1:${portOf(silent)}/tidegate`,
    });
    expect(lines.at(-1)).toBe('the database does not answer (timeout expired)');
    expect(code).toBe(4);
  });

  it('when it does not know the password, or the database', async () => {
    await using database = await testDatabase();
    const wrong = new URL(database.appUrl);
    wrong.password = 'geheim';
    const password = await refusal({ DATABASE_URL: wrong.toString() });
    expect(password.lines.at(-1)).toMatch(
      /^the database does not let us in \(password authentication failed for user "/,
    );
    expect(password.lines.join('\n')).not.toContain('geheim');
    const elsewhere = new URL(database.appUrl);
    elsewhere.pathname = '/nowhere';
    const unknown = await refusal({ DATABASE_URL: elsewhere.toString() });
    expect(unknown.lines.at(-1)).toBe('the database does not let us in (database "nowhere" does not exist)');
    expect([password.code, unknown.code]).toEqual([4, 4]);
  });
});

describe('a port that somebody else has', () => {
  it('is named with who has it and how to move, and nothing is started: exit 3', async () => {
    await using taken = await listen();
    const port = portOf(taken);
    const { code, lines } = await refusal({ PORT: String(port - 1) });
    expect(lines[0]).toBe('cannot start:');
    expect(lines).toContainEqual(
      expect.stringMatching(
        new RegExp(`^ {2}port ${port}, where core would listen, is taken by .*\\(pid ${process.pid}\\)$`),
      ),
    );
    expect(lines.at(-1)).toMatch(/^Stop what listens there, or choose other ports: PORT=\d+ npm start /);
    expect(code).toBe(3);
    expect(await dataDir.processes()).toEqual([]);
  });
});

it('a child that cannot serve is named with what it said, and everything ends again with its code', async () => {
  const { code, lines } = await refusal({ TIDEGATE_HOST: '203.0.113.7', TIDEGATE_SANDBOX_EXPOSE: 'yes' });
  expect(lines.join('\n')).toMatch(
    /^\w+ ended with code 3:\n {2}fatal: \w+ cannot listen on 203\.0\.113\.7:\d+ \(EADDRNOTAVAIL\)/m,
  );
  expect(code).toBe(3);
  expect(await dataDir.processes()).toEqual([]);
});

describe('a data folder', () => {
  it('that another start has is refused, with its pid and how to have a second one', async () => {
    await using first = new Up({ dataDir });
    await first.says('Tidegate starts');
    const { code, lines } = await refusal({});
    expect(lines).toEqual([
      expect.stringMatching(
        new RegExp(`^Tidegate runs already on ${dataDir.path} \\(pid ${first.pid}\\)\\. .*TIDEGATE_DATA_DIR=`),
      ),
    ]);
    expect(code).toBe(1);
  });

  it('with a lock that a killed start left, whose pid is another program by now, is taken over', async () => {
    await writeFile(join(dataDir.path, 'up.lock'), `${process.pid}\n`);
    await using up = new Up({ dataDir });
    await up.says('Tidegate starts');
    kill(up.pid, 'SIGINT');
  });
});
