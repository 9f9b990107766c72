import type { Metrics } from '../metrics.ts';
import type { Database } from './database.ts';

/** Tells how full the pool is. A process that waits for connections is slow for a reason that no query shows. */
export function measurePool(metrics: Metrics, { pool }: Pick<Database, 'pool'>): void {
  metrics.atScrape('dbPoolConnections', (put) => {
    put({ state: 'busy' }, pool.totalCount - pool.idleCount);
    put({ state: 'idle' }, pool.idleCount);
  });
  metrics.atScrape('dbPoolLimit', (put) => put({}, pool.options.max));
  metrics.atScrape('dbPoolWaiting', (put) => put({}, pool.waitingCount));
}
