import { inject } from 'vitest';
import { type BlankDatabase, cloneDatabase, createDatabase, type TestDatabase } from './cluster.ts';

export { type BlankDatabase, freshName, silent, type TestDatabase } from './cluster.ts';

/** A database of its own, cloned from the migrated template of this run; dropped when disposed. */
export function testDatabase(options: { poolSize?: number } = {}): Promise<TestDatabase> {
  return cloneDatabase(inject('cluster'), options);
}

/** One that nothing was migrated in. */
export function blankDatabase(): Promise<BlankDatabase> {
  return createDatabase(inject('cluster'), 'TEMPLATE template0 OWNER tidegate_owner');
}
