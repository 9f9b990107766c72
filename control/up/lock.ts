import { rmSync } from 'node:fs';
import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Another `npm start` runs on this data folder. */
export class AlreadyRunning extends Error {
  readonly exitCode = 1;
  constructor(pid: number, dataDir: string) {
    super(
      `Tidegate runs already on ${dataDir} (pid ${pid}). Stop that one first, or give this one a folder of its own: TIDEGATE_DATA_DIR=.tidegate-2 PORT=5600 npm start`,
    );
    this.name = 'AlreadyRunning';
  }
}

/** The right to run on a data folder. */
export interface Lock {
  /** Whether an earlier run was killed and had left its lock. */
  readonly tookOver: boolean;
  /** Synchronous, so that it also works as the process ends. */
  release(): void;
}

/** Takes the lock of a data folder. A lock whose process is gone, or is something else by now, is stale and taken over. */
export async function lockDataDir(dataDir: string): Promise<Lock> {
  await mkdir(dataDir, { recursive: true });
  const file = join(dataDir, 'up.lock');
  let tookOver = false;
  for (let tries = 0; tries < 3; tries += 1) {
    try {
      await using made = await open(file, 'wx', 0o600);
      await made.writeFile(`${process.pid}\n`);
      return { tookOver, release: () => rmSync(file, { force: true }) };
    } catch (error) {
      if (!(error instanceof Error) || !('code' in error) || error.code !== 'EEXIST') throw error;
    }
    const pid = Number((await readFile(file, 'utf8').catch(() => '')).trim());
    if (await runsUp(pid)) throw new AlreadyRunning(pid, dataDir);
    await rm(file, { force: true });
    tookOver = true;
  }
  throw new AlreadyRunning(0, dataDir);
}

/** Whether this pid is an `up`. Linux tells by its command line; elsewhere a live pid must do. */
async function runsUp(pid: number): Promise<boolean> {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'EPERM') return false;
  }
  if (process.platform !== 'linux') return true;
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return command.split('\0').some((word) => word.endsWith('control/up.ts'));
}
