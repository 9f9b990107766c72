import { expect, it } from 'vitest';
import { measurePool } from '../../core/kernel/db/pool-gauges.ts';
import { createMetrics } from '../../core/kernel/metrics.ts';
import { testDatabase } from '../support/database.ts';

it('tells who holds the connections of a pool and who waits for one', async () => {
  await using database = await testDatabase({ poolSize: 2 });
  const metrics = createMetrics('test');
  measurePool(metrics, database.db);
  const told = async (): Promise<string[] | null> =>
    (await metrics.registry.metrics()).match(/(?<=^tidegate_db_pool_).*$/gm);
  const held = [await database.db.pool.connect(), await database.db.pool.connect()];
  const third = database.db.query({ text: 'SELECT 1' });
  expect(await told()).toEqual(['connections{state="busy"} 2', 'connections{state="idle"} 0', 'limit 2', 'waiting 1']);
  for (const client of held) client.release();
  await third;
  expect(await told()).toEqual(['connections{state="busy"} 0', 'connections{state="idle"} 2', 'limit 2', 'waiting 0']);
});
