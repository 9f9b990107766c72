import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { inject } from 'vitest';
import { type Database, openDatabase } from '../../core/kernel/db/database.ts';
import { asAdmin } from './admin.ts';

export const silent = pino({ level: 'silent' });

/** Where a database of its own is, and its end. */
export interface BlankDatabase extends AsyncDisposable {
  readonly ownerUrl: string;
  readonly appUrl: string;
  readonly adminUrl: string;
  readonly name: string;
}

export interface TestDatabase extends BlankDatabase {
  /** The application's role. */
  readonly db: Database;
}

/** A name that no other database of the cluster has: tests of many processes make theirs at once. */
export function freshName(): string {
  return `t_${randomUUID().replaceAll('-', '')}`;
}

/** A database of its own, cloned from the migrated template of this run; dropped when disposed. */
export async function testDatabase(options: { poolSize?: number } = {}): Promise<TestDatabase> {
  const made = await create(`TEMPLATE ${inject('cluster').template} OWNER tidegate_owner STRATEGY FILE_COPY`);
  const db = await openDatabase({
    url: made.appUrl,
    poolSize: options.poolSize ?? 10,
    applicationName: 'test',
    log: silent,
  });
  return {
    ...made,
    db,
    [Symbol.asyncDispose]: async () => {
      await db[Symbol.asyncDispose]();
      await made[Symbol.asyncDispose]();
    },
  };
}

/** One that nothing was migrated in. */
export function blankDatabase(): Promise<BlankDatabase> {
  return create('TEMPLATE template0 OWNER tidegate_owner');
}

async function create(how: string): Promise<BlankDatabase> {
  const { adminUrl, ownerUrl, appUrl } = inject('cluster');
  const name = freshName();
  await asAdmin(adminUrl, `CREATE DATABASE ${name} ${how}`);
  const to = (url: string): string => {
    const moved = new URL(url);
    moved.pathname = `/${name}`;
    return moved.toString();
  };
  return {
    ownerUrl: to(ownerUrl),
    appUrl: to(appUrl),
    adminUrl: to(adminUrl),
    name,
    [Symbol.asyncDispose]: () => asAdmin(adminUrl, `DROP DATABASE ${name} WITH (FORCE)`),
  };
}
