import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { overview } from '../../control/api/contract.ts';
import { asAdmin } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { type System, startSystem } from '../support/system.ts';
import { noTerminal, Tui, type TuiOptions } from './terminal.ts';

// Real processes in a real terminal, beside whatever else this machine does.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 90_000 });

const ROOT = join(import.meta.dirname, '..', '..');
const COOKED = 'isig icrnl opost icanon echo';

let system: System;
beforeAll(async () => {
  system = await startSystem();
});
/** Control as an operator reaches it. */
const operator = (): { url: string; token: string } => ({
  url: system.one('control').url,
  token: system.tokens.operator,
});

afterAll(async () => {
  await system?.[Symbol.asyncDispose]();
});

/** Whatever ended it: the person is back on the screen of the shell, with a cursor and a terminal that echoes. */
async function expectRestored(tui: Tui, exitCode: number): Promise<string> {
  await tui.until('its end', () => tui.afterwards !== undefined);
  expect(tui.afterwards?.exitCode).toBe(exitCode);
  expect(tui.afterwards?.modes.split(' ').sort()).toEqual(COOKED.split(' ').sort());
  expect(tui.onItsOwnScreen).toBe(false);
  expect(tui.cursorShown).toBe(true);
  expect(tui.bytes.lastIndexOf('\u001b[?2004l')).toBeGreaterThanOrEqual(tui.bytes.lastIndexOf('\u001b[?2004h'));
  return tui.text();
}

async function running(options: TuiOptions = {}): Promise<Tui> {
  const tui = await Tui.open(operator(), options);
  await tui.shows(/✔ HOLDS/);
  expect(tui.onItsOwnScreen).toBe(true);
  expect(tui.cursorShown).toBe(false);
  return tui;
}

describe('the terminal is the shell’s again', () => {
  beforeEach(({ skip }) => {
    if (noTerminal !== null) skip(noTerminal);
  });

  it.each([
    ['q', 'q', 0],
    ['Ctrl-C', '\u0003', 0],
    ['keys in one piece that end with q', 'jjq', 0],
  ])('after %s', async (_name, keys, exitCode) => {
    await using tui = await running();
    tui.type(keys);
    await expectRestored(tui, exitCode);
  });

  it('after Ctrl-C in the middle of a dialog', async () => {
    await using tui = await running();
    await tui.typeUntil('\r', /Reason 原因/);
    tui.type('abc\u0003');
    await expectRestored(tui, 0);
  });

  it.each([
    ['SIGTERM', 143],
    ['SIGHUP', 129],
    ['SIGINT', 130],
  ] as const)('after %s', async (name, exitCode) => {
    await using tui = await running();
    tui.signal(name);
    await expectRestored(tui, exitCode);
  });

  it('after a SIGTERM to npm, which hands it on', async () => {
    await using tui = await running({ byNpm: true });
    tui.signal('SIGTERM');
    await expectRestored(tui, 143);
  });

  it('after SIGTERM in the middle of a dialog', async () => {
    await using tui = await running();
    await tui.typeUntil('\r', /Reason 原因/);
    tui.signal('SIGTERM');
    await expectRestored(tui, 143);
  });

  it.each([
    ['an exception', 'throw new Error("a fault of a test")'],
    ['a rejection', 'void Promise.reject(new Error("a fault of a test"))'],
  ])('after %s that nobody catches, which is shown then', async (_name, fault) => {
    // Loaded before the program, and thrown inside it: the process that crashes is the real one.
    const preload = `data:text/javascript,${encodeURIComponent(`process.on("SIGUSR2", () => { ${fault} })`)}`;
    await using tui = await running({ nodeArgs: ['--import', preload] });
    tui.signal('SIGUSR2');
    expect(await expectRestored(tui, 1)).toMatch(/ended by a fault of its own:[\s\S]*a fault of a test/);
  });

  it('and nothing is left when the window is closed', async () => {
    await using tui = await running();
    await tui.closeWindow();
    await eventually(() => !tui.alive);
  });

  it('and nothing is left when control is gone as it ends', async () => {
    await using tui = await running();
    system.one('control').signal('SIGSTOP');
    try {
      tui.type('r');
      tui.type('q');
      await expectRestored(tui, 0);
    } finally {
      system.one('control').signal('SIGCONT');
    }
  });
});

describe('a token that is no good', () => {
  it('is told on the screen, with what to do', async ({ skip }) => {
    if (noTerminal !== null) skip(noTerminal);
    await using tui = await Tui.open(operator(), { token: 'tg_expired' });
    const text = await tui.shows(/! the token is refused: /);
    expect(text).toMatch(/set TIDEGATE_TOKEN/);
    expect(text).toMatch(/^TIDEGATE \? UNKNOWN 未知/);
    tui.type('q');
    await expectRestored(tui, 0);
  });
});

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** The TUI without a terminal. */
function ran(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  return program('tui/main.tsx', args, {
    TIDEGATE_CONTROL_URL: system.one('control').url,
    TIDEGATE_TOKEN: system.tokens.viewer,
    ...env,
  });
}

async function program(file: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<Ran> {
  const child = spawn(process.execPath, ['--import', 'tsx', join(ROOT, file), ...args], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err };
}

describe('without a terminal', () => {
  it('--once prints the overview, and ends with the verdict: 0 holds', async () => {
    await eventually(async () => (await ran(['--once'])).code === 0, { timeoutMs: 25_000 });
    const { out, err } = await ran(['--once']);
    expect(out).toMatch(/^✔ HOLDS 正常 · all \d+ checks hold[\s\S]*at risk 0\.00[\s\S]*captured-equals-ledger/);
    expect(err).toBe('');
    const hinted = await ran([]);
    expect(hinted.out).toMatch(/^✔ HOLDS/);
    expect(hinted.err).toMatch(/no terminal: printing once, as --once does/);
  });

  it('--json prints the wire contract and nothing else', async () => {
    const { out, err, code } = await ran(['--json']);
    expect([code, err]).toEqual([0, '']);
    const printed: unknown = JSON.parse(out);
    expect(overview.strict().parse(printed)).toEqual(printed);
  });

  it('ends with 1 when a check is violated, and with 2 when it is not known', async () => {
    const set = (to: string): Promise<void> =>
      asAdmin(system.database.adminUrl, `UPDATE reconcile.check_verdict SET ${to} WHERE check_id = 'trial-balance'`);
    const reconcile = system.one('reconcile');
    await reconcile.stop();
    await set(`verdict = 'violated', count = 1`);
    await eventually(async () => (await ran(['--once'])).code === 1);
    expect((await ran(['--json'])).code).toBe(1);
    await set(`verdict = 'holds', count = 0, finished_at = now() - interval '2 minutes'`);
    await eventually(async () => (await ran(['--json'])).code === 2);
    expect((await ran(['--once'])).out).toMatch(/^\? UNKNOWN 未知 · trial-balance: it last ran/);
    await reconcile.start();
    await eventually(async () => (await ran(['--once'])).code === 0, { timeoutMs: 25_000 });
  });

  it.each([
    ['an option that does not exist', ['--bogus'], {}, /unknown option/],
    ['an interval that is none', ['--once', '--interval', '9'], {}, /200 to 5000/],
    ['an address that is none', ['--once'], { TIDEGATE_CONTROL_URL: 'nowhere' }, /is no URL such as/],
    ['control that does not answer', ['--once', '--url', 'http://127.0.0.1:9'], {}, /does not answer.*npm start/],
    ['a token that is refused', ['--json'], { TIDEGATE_TOKEN: 'wrong' }, /token is refused.*set TIDEGATE_TOKEN/],
    ['no token', ['--once'], { TIDEGATE_TOKEN: '', TIDEGATE_DATA_DIR: '/nowhere' }, /no token.*set TIDEGATE_TOKEN/],
  ])('ends with 2 and one line for %s: never with the code of a violation', async (_name, args, env, message) => {
    const { code, out, err } = await ran(args, env);
    expect(err).toMatch(message);
    expect(err).not.toMatch(/\n\s+at /);
    expect([code, out]).toEqual([2, '']);
  });

  it('takes a reader that has seen enough', () => {
    const { stdout, stderr } = spawnSync(
      'sh',
      ['-c', '"$0" --import tsx tui/main.tsx --once | head -1', process.execPath],
      { cwd: ROOT, encoding: 'utf8', env: { PATH: process.env['PATH'] ?? '', ...envOfRan() } },
    );
    expect(stdout).toMatch(/^✔ HOLDS.*\n$/);
    expect(stderr).toBe('');
  });

  it('helps', async () => {
    const { code, out } = await ran(['--help'], { TIDEGATE_CONTROL_URL: 'nowhere' });
    expect(code).toBe(0);
    for (const word of ['--once', '--json', '--readonly', 'TIDEGATE_TOKEN', 'Exit codes', 'NO_COLOR'])
      expect(out).toContain(word);
  });
});

function envOfRan(): Record<string, string> {
  return { TIDEGATE_CONTROL_URL: system.one('control').url, TIDEGATE_TOKEN: system.tokens.viewer };
}

describe('the command line', () => {
  const tidegate = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> =>
    program('tui/commands/main.ts', args, env);

  it('helps, whatever the environment says', async () => {
    const { code, out, err } = await tidegate(['--help'], { TIDEGATE_CONTROL_URL: 'nowhere' });
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(/Usage: [\s\S]*replay/);
  });

  it.each([
    ['a command that does not exist', ['bogus'], {}, /unknown command 'bogus'/],
    ['no command', [], {}, /Usage: /],
    ['a missing argument', ['replay'], {}, /missing required argument 'file'/],
    ['a file that is not there', ['replay', '/nowhere.csv'], {}, /there is no file \/nowhere\.csv/],
    [
      'no token',
      ['replay', 'test/data/online-retail-sample.csv'],
      { TIDEGATE_DATA_DIR: '/nowhere' },
      /no token.*npm start.*TIDEGATE_TOKEN/,
    ],
    [
      'an address that is none',
      ['replay', 'test/data/online-retail-sample.csv'],
      { TIDEGATE_CORE_URL: 'nowhere' },
      /TIDEGATE_CORE_URL is "nowhere"/,
    ],
  ])('ends with 2 and says why for %s', async (_name, args, env, message) => {
    const { code, err } = await tidegate(args, env);
    expect(err).toMatch(message);
    expect(err).not.toMatch(/\n\s+at /);
    expect(code).toBe(2);
  });
});
