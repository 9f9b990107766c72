import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { inject } from 'vitest';
import { type Database, openDatabase } from '../../core/kernel/db/database.ts';
import { asAdmin } from './admin.ts';

export const silent = pino({ level: 'silent' });

export interface TestDatabase extends AsyncDisposable {
  /** The application's role. */
  readonly db: Database;
  readonly ownerUrl: string;
  readonly appUrl: string;
  readonly adminUrl: string;
  readonly name: string;
}

/** A database of its own, cloned from the migrated template of this run; dropped when disposed. */
export async function testDatabase(options: { poolSize?: number } = {}): Promise<TestDatabase> {
  const cluster = inject('cluster');
  const name = `t_${randomUUID().replaceAll('-', '')}`;
  await asAdmin(
    cluster.adminUrl,
    `CREATE DATABASE ${name} TEMPLATE ${cluster.template} OWNER tidegate_owner STRATEGY FILE_COPY`,
  );
  const to = (url: string): string => {
    const moved = new URL(url);
    moved.pathname = `/${name}`;
    return moved.toString();
  };
  const appUrl = to(cluster.appUrl);
  const db = await openDatabase({
    url: appUrl,
    poolSize: options.poolSize ?? 10,
    applicationName: 'test',
    log: silent,
  });
  return {
    db,
    ownerUrl: to(cluster.ownerUrl),
    appUrl,
    adminUrl: to(cluster.adminUrl),
    name,
    [Symbol.asyncDispose]: async () => {
      await db[Symbol.asyncDispose]();
      await asAdmin(cluster.adminUrl, `DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}
