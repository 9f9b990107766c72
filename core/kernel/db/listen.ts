import type pg from 'pg';
import { sleep } from '../clock.ts';
import type { Logger } from '../log.ts';
import type { Database } from './database.ts';

const RETRY_BASE_MS = 250;
const RETRY_CAP_MS = 5_000;

/**
 * Calls `onNotify` for each notice on `channel`, and once after every (re)connect, because what was said while nobody
 * listened is not said again. Runs until `signal` fires; a lost connection is made anew. Whoever uses it must poll as
 * well: a notice is a hint, not a delivery.
 */
export async function listen(
  db: Database,
  channel: string,
  onNotify: () => void,
  { log, signal }: { readonly log: Logger; readonly signal: AbortSignal },
): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    try {
      const client = await db.pool.connect();
      if (failures > 0) log.info({ channel }, 'listening again');
      failures = 0;
      await hold(client, channel, onNotify, signal);
    } catch (error) {
      failures += 1;
      if (failures === 1) log.warn({ err: error, channel }, 'cannot listen; polling goes on');
    }
    await sleep(Math.min(RETRY_CAP_MS, RETRY_BASE_MS * 2 ** failures), signal);
  }
}

/** Listens on one connection until it breaks (rejects) or the signal fires (resolves). */
async function hold(client: pg.PoolClient, channel: string, onNotify: () => void, signal: AbortSignal): Promise<void> {
  let fail: (error: Error) => void = () => undefined;
  let finish: () => void = () => undefined;
  const over = new Promise<void>((resolve, reject) => {
    finish = resolve;
    fail = reject;
  });
  // Rejected possibly before anybody awaits it.
  over.catch(() => undefined);
  const onEnd = (): void => fail(new Error('the listening connection was closed'));
  client.on('error', fail).on('end', onEnd).on('notification', onNotify);
  signal.addEventListener('abort', finish, { once: true });
  try {
    await client.query(`LISTEN ${client.escapeIdentifier(channel)}`);
    onNotify();
    if (!signal.aborted) await over;
  } finally {
    client.off('error', fail).off('end', onEnd).off('notification', onNotify);
    signal.removeEventListener('abort', finish);
    // Never back into the pool: it would go on listening there.
    client.on('error', () => undefined);
    client.release(true);
  }
}
