import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { DatabaseUnavailable } from '../../core/kernel/db/failures.ts';
import { exitCodeOf } from '../../core/kernel/process.ts';
import { testApp, testServe } from '../support/app.ts';

const FIXTURE = new URL('../support/fixtures/process.ts', import.meta.url);
const running = new Set<ChildProcess>();
afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
  running.clear();
});

interface Run {
  readonly child: ChildProcess;
  readonly output: () => string;
  /** Its exit code, when it has ended. */
  readonly ended: Promise<number | null>;
}

function run(ending: string, env: Record<string, string> = {}): Run {
  const child = fork(FIXTURE, [ending], {
    silent: true,
    execArgv: [],
    env: { PATH: process.env['PATH'] ?? '', PORT: '0', ...env },
  });
  running.add(child);
  let output = '';
  const streams = [child.stdout, child.stderr].filter((stream) => stream !== null);
  for (const stream of streams) stream.on('data', (bytes) => (output += bytes));
  // Not `close`: it does not come when the channel was disconnected by hand.
  const ended = Promise.all([once(child, 'exit'), ...streams.map((stream) => once(stream, 'end'))]);
  return { child, output: () => output, ended: ended.then(([[code]]) => code as number | null) };
}

async function ready({ child }: Run): Promise<void> {
  await once(child, 'message');
}

describe('a process ends', () => {
  it('with 0 when its work is done', async () => {
    expect(await run('return').ended).toBe(0);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('with 0 after a graceful stop at %s', async (signal) => {
    const one = run('serve');
    await ready(one);
    one.child.kill(signal);
    expect(await one.ended).toBe(0);
    expect(one.output()).toContain(`${signal}: stopping`);
    expect(one.output()).toContain('cli stopped listening');
  });

  it('when its parent is gone', async () => {
    const one = run('serve');
    await ready(one);
    one.child.disconnect();
    expect(await one.ended).toBe(0);
    expect(one.output()).toContain('the parent is gone: stopping');
  });

  it('at once at the second signal, whatever still runs', async () => {
    const one = run('hang');
    await expect.poll(one.output, { timeout: 10_000 }).toContain('hanging');
    one.child.kill('SIGTERM');
    await expect.poll(one.output, { timeout: 10_000 }).toContain('SIGTERM: stopping');
    one.child.kill('SIGINT');
    expect(await one.ended).toBe(1);
    expect(one.output()).toContain('SIGINT again: stopping at once');
  });

  it.each([
    ['throw', 'main broke'],
    ['reject', 'nobody listened'],
    ['uncaught', 'ECONNREFUSED'],
  ])('with 1 and its reason in the log when it broke: %s', async (ending, reason) => {
    const one = run(ending);
    expect(await one.ended).toBe(1);
    const fatal = one
      .output()
      .split('\n')
      .find((line) => line.includes('"level":"fatal"'));
    expect(fatal).toContain(reason);
    expect(fatal).toContain('"stack"');
  });

  it('with 2 and one line when its configuration is wrong', async () => {
    const one = run('serve', { PORT: 'ninety' });
    expect(await one.ended).toBe(2);
    expect(one.output()).toBe('PORT cannot be "ninety": expected a whole number from 0 to 65535\n');
  });

  it('with 3 and what to do when its port is taken', async () => {
    await using first = await testServe(testApp([]));
    const one = run('serve', { PORT: String(first.port) });
    expect(await one.ended).toBe(3);
    expect(one.output()).toContain(`127.0.0.1:${first.port}: the port is taken`);
    expect(one.output()).not.toContain('"stack"');
  });

  it.runIf(existsSync('/dev/full'))('no sooner because its log is not taken: it serves and stops as ever', async () => {
    const full = openSync('/dev/full', 'w');
    const child = fork(FIXTURE, ['serve'], {
      stdio: ['ignore', full, full, 'ipc'],
      execArgv: [],
      env: { PATH: process.env['PATH'] ?? '', PORT: '0' },
    });
    running.add(child);
    closeSync(full);
    await once(child, 'message');
    child.kill('SIGTERM');
    expect((await once(child, 'exit'))[0]).toBe(0);
  });

  it('with the code that the error, or one of its causes, carries', async () => {
    expect(await run('4').ended).toBe(4);
    expect(exitCodeOf(new Error('x', { cause: new DatabaseUnavailable('down', undefined) }))).toBe(4);
    expect(exitCodeOf(new Error('x'))).toBe(1);
    expect(exitCodeOf('x')).toBe(1);
  });
});
