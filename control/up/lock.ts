import { constants, rmSync } from 'node:fs';
import { access, link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError } from '../../core/kernel/config.ts';

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
  await makeFolder(dataDir);
  const file = join(dataDir, 'up.lock');
  // Written beside and linked, so that nobody ever reads a lock without a pid and takes it for a stale one.
  const mine = `${file}.${process.pid}`;
  let tookOver = false;
  for (let tries = 0; tries < 3; tries += 1) {
    try {
      await writeFile(mine, `${process.pid}\n`, { mode: 0o600 });
      await link(mine, file);
      return { tookOver, release: () => rmSync(file, { force: true }) };
    } catch (error) {
      if (!(error instanceof Error) || !('code' in error) || error.code !== 'EEXIST') throw error;
    } finally {
      await rm(mine, { force: true });
    }
    const pid = Number((await readFile(file, 'utf8').catch(() => '')).trim());
    if (await runsUp(pid)) throw new AlreadyRunning(pid, dataDir);
    await rm(file, { force: true });
    tookOver = true;
  }
  throw new AlreadyRunning(0, dataDir);
}

/** Throws `ConfigError` when there can be no folder that we may write to. */
async function makeFolder(dataDir: string): Promise<void> {
  try {
    await mkdir(dataDir, { recursive: true });
    await access(dataDir, constants.W_OK | constants.X_OK);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new ConfigError(
      `TIDEGATE_DATA_DIR cannot be ${JSON.stringify(dataDir)}: expected a folder that we may write to (${code})`,
    );
  }
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
