import { fileURLToPath } from 'node:url';
import { loadSwitches } from '../core/guard/declarations.ts';
import { systemClock } from '../core/kernel/clock.ts';
import { requireServer } from '../core/kernel/config.ts';
import { openDatabase } from '../core/kernel/db/database.ts';
import { assertSchemaCurrent } from '../core/kernel/db/migrate.ts';
import { measurePool } from '../core/kernel/db/pool-gauges.ts';
import { serve } from '../core/kernel/http/serve.ts';
import { createMetrics } from '../core/kernel/metrics.ts';
import { runProcess, untilAborted } from '../core/kernel/process.ts';
import { loadChecks } from '../reconcile/check.ts';
import { loadRepairs } from '../reconcile/repair.ts';
import { buildControl } from './app.ts';

const MIGRATIONS = fileURLToPath(new URL('../core/schema/migrations', import.meta.url));

/** The control service. Any number of replicas may run against one database. */
await runProcess('control', async ({ config, log, signal }) => {
  requireServer(config);
  const { databaseUrl: url, poolSize, instance, host, port } = config;
  using metrics = createMetrics('control');
  await using db = await openDatabase({ url, poolSize, applicationName: instance, log });
  measurePool(metrics, db);
  await assertSchemaCurrent(db, 'core', MIGRATIONS);
  const switches = await loadSwitches();
  await using control = await buildControl({
    db,
    clock: systemClock,
    log,
    metrics,
    instance,
    switches,
    checks: await loadChecks(),
    repairs: await loadRepairs(),
  });
  await using server = await serve(control.app, { host, port, log, signal, name: 'control' });
  await untilAborted(signal);
  await server.stopped;
});
