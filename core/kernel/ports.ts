import { createServer } from 'node:net';

/**
 * Below the range from which systems take the ports of outgoing connections (from 32768 on Linux, higher elsewhere): no
 * connection can be given one between our look and the moment that its server listens, or while that is started again.
 */
const LOWEST = 10_000;
const HIGHEST = 32_000;
const TRIES = 200;

/** Processes that look at the same time begin at different places. */
let cursor = (process.pid * 97) % (HIGHEST - LOWEST);

/** A port on this machine's loopback that nobody listens on. */
export function freePort(): Promise<number> {
  return freeBase([0]);
}

/** A base of which every port at these distances is free. */
export async function freeBase(offsets: readonly number[]): Promise<number> {
  const span = Math.max(...offsets) + 1;
  for (let tries = 0; tries < TRIES; tries += 1) {
    const base = LOWEST + cursor;
    cursor = (cursor + span) % (HIGHEST - LOWEST - span);
    const free = await Promise.all(offsets.map((offset) => isFree(base + offset)));
    if (free.every(Boolean)) return base;
  }
  throw new Error(`no free ports were found from ${LOWEST} to ${HIGHEST}`);
}

/** Listens for a moment to see. */
export async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false);
      else reject(error);
    });
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
