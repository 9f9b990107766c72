import type { ServerConfig } from '../config.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { type Database, openDatabase } from './database.ts';
import { assertSchemaCurrent, type MigrationSet } from './migrate.ts';
import { measurePool } from './pool-gauges.ts';

/**
 * Opens the database of a server: a pool of the configured size, named after the instance and measured, over a schema
 * that this program knows.
 *
 * Throws `DatabaseUnavailable`, `SchemaTooNew`, or a schema that is not migrated (exit 4).
 */
export async function openServerDatabase(
  { databaseUrl, poolSize, instance }: Pick<ServerConfig, 'databaseUrl' | 'poolSize' | 'instance'>,
  { set, folder }: MigrationSet,
  { log, metrics }: { readonly log: Logger; readonly metrics: Metrics },
): Promise<Database> {
  const db = await openDatabase({ url: databaseUrl, poolSize, applicationName: `tidegate ${instance}`, log });
  try {
    await assertSchemaCurrent(db, set, folder);
  } catch (error) {
    await db[Symbol.asyncDispose]();
    throw error;
  }
  measurePool(metrics, db);
  return db;
}
