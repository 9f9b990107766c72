import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { lockDataDir } from '../../../control/up/lock.ts';
import { folder } from '../../guard/support.ts';

async function starter(): Promise<ChildProcess> {
  // Its command line must be that of an `up`, by which a lock's owner is known.
  const child = fork(fileURLToPath(new URL('./locker.ts', import.meta.url)), ['control/up.ts'], { execArgv: [] });
  await once(child, 'message');
  return child;
}

async function tell(child: ChildProcess, dataDir: string, what: 'take' | 'give'): Promise<string> {
  const answer = once(child, 'message');
  child.send({ dataDir, what });
  const [said] = (await answer) as [string];
  return said;
}

it('goes to one of many that start at once over the lock of a dead one', async () => {
  await using place = await folder();
  const starters = await Promise.all(Array.from({ length: 6 }, starter));
  try {
    for (let round = 0; round < 60; round += 1) {
      await writeFile(join(place.path, 'up.lock'), '999999999\n');
      const said = await Promise.all(starters.map((one) => tell(one, place.path, 'take')));
      expect(said.filter((word) => word !== 'AlreadyRunning')).toEqual(['taken']);
      const winner = starters[said.indexOf('taken')];
      if (winner !== undefined) expect(await tell(winner, place.path, 'give')).toBe('given');
      expect(await readdir(place.path)).toEqual([]);
    }
  } finally {
    for (const one of starters) one.disconnect();
  }
}, 60_000);

it('is let be by one that does not hold it any more', async () => {
  await using place = await folder();
  const file = join(place.path, 'up.lock');
  const mine = await lockDataDir(place.path);
  await writeFile(file, '4711\n');
  mine.release();
  expect(await readFile(file, 'utf8')).toBe('4711\n');
});

it('is taken over from an earlier life that had the same pid, as the first process of a container has', async () => {
  await using place = await folder();
  const again = await starter();
  await writeFile(join(place.path, 'up.lock'), `${again.pid}\n`);
  expect(await tell(again, place.path, 'take')).toBe('taken');
  again.disconnect();
});
