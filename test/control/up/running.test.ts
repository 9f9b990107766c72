import { execFile } from 'node:child_process';
import { readdir, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { eventually } from '../../support/eventually.ts';
import { placedAnswer } from '../../support/shop.ts';
import { CHILDREN, DataDir, isAlive, kill, Up, Visitor } from '../../support/up.ts';

let dataDir: DataDir;
beforeAll(async () => {
  dataDir = await DataDir.make();
});
afterAll(() => dataDir?.[Symbol.asyncDispose]());

async function idle(): Promise<void> {
  await eventually(async () => expect(await dataDir.processes()).toEqual([]));
}

/** Holds the next database server in its start, and ends `up` meanwhile as an impatient person does. */
async function held(up: Up, before: number): Promise<Up> {
  const starting = await eventually(
    async () => {
      const pid = await dataDir.postmaster();
      if (pid === before || !(pid > 0)) throw new Error('it has not begun to start');
      kill(pid, 'SIGSTOP');
      return pid;
    },
    { timeoutMs: 20_000, everyMs: 1 },
  );
  up.ctrlC();
  await up.says('SIGINT: stopping');
  await eventually(() => {
    if (up.alive) up.ctrlC();
    return !up.alive;
  });
  expect(await up.ended).toBe(1);
  kill(starting, 'SIGCONT');
  await idle();
  return up;
}

/** Places and pays; returns the order's number once it is shipped. */
async function buy(visitor: Visitor, key: string): Promise<string> {
  const placed = await visitor.place(key);
  expect(placed.status, JSON.stringify(placed.body)).toBe(201);
  const { payOrderId, orders } = placedAnswer.parse(placed.body);
  await visitor.pay(payOrderId);
  const orderId = orders[0]?.orderId ?? '';
  await eventually(async () => expect(await visitor.stateOf(orderId)).toBe('O2'));
  return orderId;
}

it('begins anew after a start that was killed while it made its database', async () => {
  const first = new Up({ dataDir });
  await eventually(async () => (await readdir(dataDir.path)).some((name) => name.startsWith('postgres.making')));
  kill(first.pid, 'SIGKILL');
  await using second = await Up.ready({ dataDir });
  kill(second.pid, 'SIGTERM');
  expect(await second.ended).toBe(0);
  await idle();
  expect(await readdir(dataDir.path)).not.toContainEqual(expect.stringContaining('making'));
}, 120_000);

it('never takes a database without its secrets for none', async () => {
  const secrets = join(dataDir.path, 'postgres', 'tidegate-secrets.json');
  await rename(secrets, `${secrets}.kept`);
  const up = new Up({ dataDir });
  expect(await up.ended).toBe(4);
  expect(up.output).toMatch(/holds a database, but not its tidegate-secrets\.json; put that file back, or move/);
  await rename(`${secrets}.kept`, secrets);
}, 120_000);

describe('npm start', () => {
  it('says what runs where, takes a first paid order, and leaves no process at Ctrl-C', async () => {
    const up = await Up.ready({ dataDir, by: 'npm' });
    for (const name of CHILDREN) {
      expect((await fetch(`${up.where(name)}/healthz`)).status, name).toBe(200);
      expect(isAlive(up.pidOf(name)), name).toBe(true);
    }
    expect((await stat(join(dataDir.path, 'tokens.json'))).mode & 0o777).toBe(0o600);
    const visitor = await Visitor.of(up, dataDir);
    await buy(visitor, 'first');
    expect((await visitor.ask('control', 'viewer', 'GET', '/v1/overview')).status).toBe(200);
    up.ctrlC();
    await up.ended;
    for (const name of CHILDREN) expect(isAlive(up.pidOf(name)), name).toBe(false);
    expect(up.output.match(/stopped$/gm), up.output).toHaveLength(CHILDREN.length + 1);
    expect(up.output).not.toContain('again: ending everything at once');
    await idle();
  }, 120_000);

  it('takes a key press that reaches it twice for one: npm hands on what the terminal has sent to all', async () => {
    const up = await Up.ready({ dataDir });
    kill(up.pid, 'SIGINT');
    await up.says('SIGINT: stopping');
    kill(up.pid, 'SIGINT');
    expect(await up.ended).toBe(0);
    expect(up.output).toMatch(/database +stopped$/m);
    await idle();
  }, 120_000);

  it('ends everything at once at a second Ctrl-C, whatever hangs', async () => {
    const up = await Up.ready({ dataDir });
    kill(up.pidOf('core'), 'SIGSTOP');
    up.ctrlC();
    await up.says('SIGINT: stopping');
    await eventually(() => {
      if (up.alive) up.ctrlC();
      return !up.alive;
    });
    expect(await up.ended).toBe(1);
    await idle();
  }, 120_000);

  it('stops in order when nobody reads any more what it says, as with a tee that the same Ctrl-C has ended', async () => {
    const up = await Up.ready({ dataDir });
    up.closeOutput();
    up.ctrlC();
    expect(await up.ended).toBe(0);
    await idle();
    const log = await readFile(join(dataDir.path, 'postgres.log'), 'utf8');
    expect(log.trimEnd()).toMatch(/database system is shut down$/);
  }, 120_000);

  it('leaves no database at a second Ctrl-C while that starts, for the first time or again', async () => {
    const first = await held(new Up({ dataDir }), await dataDir.postmaster().catch(() => 0));
    expect(first.output).not.toMatch(/ database +127/);
    const running = await Up.ready({ dataDir });
    const before = await dataDir.postmaster();
    kill(before, 'SIGKILL');
    const second = await held(running, before);
    expect(second.output).not.toContain('the database is back');
  }, 120_000);

  it('stops in order when npm is told to end, too', async () => {
    const up = await Up.ready({ dataDir, by: 'npm' });
    kill(up.pid, 'SIGTERM');
    await up.ended;
    await idle();
    expect(up.output).toMatch(/database +stopped$/m);
  }, 120_000);
});

it('shows commands that can be pasted into a shell', async () => {
  await using up = await Up.ready({ dataDir });
  const commands = up.output.split('\n').filter((line) => line.startsWith('    curl '));
  expect(commands).toHaveLength(2);
  // Without curl the shell itself shows what it would have been given.
  const show = 'curl() { printf "%s\\n" "$@"; }';
  const [look, order] = await Promise.all(
    commands.map((command) => promisify(execFile)('sh', ['-c', `${show}; ${command}`])),
  );
  expect(look?.stdout).toMatch(/^Authorization: Bearer tg_[\w-]+$/m);
  expect(JSON.parse(/^\{.*\}$/m.exec(order?.stdout ?? '')?.[0] ?? '{}')).toMatchObject({ userId: '1001' });
  const terminal = /^ {2}terminal +(.*)npm run tui$/m.exec(up.output)?.[1] ?? '';
  const told = await promisify(execFile)('sh', ['-c', `${terminal} env`]);
  expect(told.stdout).toContain(`TIDEGATE_DATA_DIR=${dataDir.path}\n`);
}, 120_000);

it('runs on a database of somebody else, and leaves it alone when it ends', async () => {
  await using database = await testDatabase();
  const env = { DATABASE_URL: database.appUrl, TIDEGATE_MIGRATE_URL: database.ownerUrl };
  await using otherDir = await DataDir.make();
  const up = await Up.ready({ dataDir: otherDir, env });
  await buy(await Visitor.of(up, otherDir), 'elsewhere');
  up.ctrlC();
  expect(await up.ended).toBe(0);
  expect(up.output).not.toMatch(/database +stopped/);
  expect(await otherDir.processes()).toEqual([]);
  expect(await database.db.query({ text: 'SELECT state FROM core.orders' })).toEqual([{ state: 'O2' }]);
}, 120_000);

it('two run side by side and share nothing', async () => {
  await using otherDir = await DataDir.make();
  await using one = new Up({ dataDir });
  await using other = await Up.ready({ dataDir: otherDir });
  await one.ready();
  const orderId = await buy(await Visitor.of(one, dataDir), 'side-by-side');
  const visitor = await Visitor.of(other, otherDir);
  await buy(visitor, 'side-by-side');
  const { body } = await visitor.ask('core', 'shop', 'GET', `/v1/orders/${orderId}`);
  expect(body.code).toBe('order_unknown');
}, 120_000);

describe('kill -9', () => {
  it('of any child is followed by a new one, and nothing is lost', async () => {
    await using up = await Up.ready({ dataDir });
    const visitor = await Visitor.of(up, dataDir);
    const orderId = await buy(visitor, 'before-the-deaths');
    for (const name of CHILDREN) {
      const pid = up.pidOf(name);
      kill(pid, 'SIGKILL');
      await up.says(`${name} was ended by SIGKILL; starting it again`);
      await up.says(`${name} is back`);
      expect(up.pidOf(name)).not.toBe(pid);
      expect((await fetch(`${up.where(name)}/readyz`)).status, name).toBe(200);
    }
    expect(await visitor.stateOf(orderId)).toBe('O2');
    await buy(visitor, 'after-the-deaths');
    kill(await dataDir.postmaster(), 'SIGKILL');
    await up.says('the database is back');
    await eventually(async () => expect(await visitor.stateOf(orderId)).toBe('O2'));
    await eventually(() => buy(visitor, 'after-the-death-of-the-database'), { timeoutMs: 20_000 });
  }, 180_000);

  it('of itself takes its children along; the next start finds the same data and takes over what was left', async () => {
    const first = await Up.ready({ dataDir });
    const orderId = await buy(await Visitor.of(first, dataDir), 'before-its-own-death');
    kill(first.pid, 'SIGKILL');
    await first.ended;
    // At the same ports and at once, as a person would.
    const { port } = new URL(first.where('control'));
    await using second = await Up.ready({ dataDir, env: { PORT: port } });
    for (const name of CHILDREN) expect(isAlive(first.pidOf(name)), name).toBe(false);
    const visitor = await Visitor.of(second, dataDir);
    expect(await visitor.stateOf(orderId)).toBe('O2');
    await buy(visitor, 'after-its-own-death');
    second.ctrlC();
    expect(await second.ended).toBe(0);
    await idle();
  }, 180_000);
});
