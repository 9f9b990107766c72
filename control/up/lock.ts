import { constants, readFileSync, rmSync } from 'node:fs';
import { access, link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from '../../core/kernel/canonical.ts';
import { systemClock } from '../../core/kernel/clock.ts';
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

/** Each is lost to somebody who has just let go. */
const TRIES = 10;

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
  const content = `${process.pid}\n${systemClock.now().toISOString()}\n`;
  const tookOver = await take({ file, content, dataDir });
  return {
    tookOver,
    release: () => {
      if (contentNow(file) === content) rmSync(file, { force: true });
    },
  };
}

interface Wanted {
  readonly file: string;
  readonly content: string;
  readonly dataDir: string;
}

/**
 * Makes `file` with this content, and answers whether it had to take it from a dead one. Only who holds the lock of that
 * very lock may replace it: of two starts that have read the same dead one, the slower must not remove what the faster has
 * put in its place.
 */
async function take({ file, content, dataDir }: Wanted): Promise<boolean> {
  // Written beside and linked, so that nobody ever reads a lock without a pid and takes it for a stale one.
  const mine = `${file}.${process.pid}`;
  try {
    for (let tries = 0; tries < TRIES; tries += 1) {
      await writeFile(mine, content, { mode: 0o600 });
      if (await linked(mine, file)) return false;
      const held = contentNow(file);
      if (held === undefined) continue;
      const pid = Number.parseInt(held, 10);
      // Our own pid is that of an earlier life: as the first process of a container always has the same.
      if (pid !== process.pid && (await runsUp(pid))) throw new AlreadyRunning(pid, dataDir);
      const right = `${file}.of-${sha256(held).slice(0, 12)}`;
      await take({ file: right, content, dataDir });
      try {
        if (contentNow(file) !== held) continue;
        await rename(mine, file);
        return true;
      } finally {
        await rm(right, { force: true });
      }
    }
  } finally {
    await rm(mine, { force: true });
  }
  throw new AlreadyRunning(0, dataDir);
}

/** `false` when there is such a file already. */
async function linked(from: string, file: string): Promise<boolean> {
  try {
    await link(from, file);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** `undefined` when there is no such file, or none that can be read. */
function contentNow(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
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
