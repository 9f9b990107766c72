import { join } from 'node:path';
import type { MigrationSet } from './kernel/db/migrate.ts';

/** The tables of core, control and reconcile: one set, because they lie in one database and refer to each other. */
export const CORE_MIGRATIONS: MigrationSet = { set: 'core', folder: join(import.meta.dirname, 'schema', 'migrations') };
