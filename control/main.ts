import { loadSwitches } from '../core/guard/declarations.ts';
import { systemClock } from '../core/kernel/clock.ts';
import { requireServer } from '../core/kernel/config.ts';
import { openServerDatabase } from '../core/kernel/db/server.ts';
import { serve } from '../core/kernel/http/serve.ts';
import { createMetrics } from '../core/kernel/metrics.ts';
import { runProcess, untilAborted } from '../core/kernel/process.ts';
import { CORE_MIGRATIONS } from '../core/migrations.ts';
import { loadChecks } from '../reconcile/check.ts';
import { loadRepairs } from '../reconcile/repair.ts';
import { buildControl } from './app.ts';

/** The control service. Any number of replicas may run against one database. */
await runProcess('control', async ({ config, log, signal }) => {
  requireServer(config);
  const { instance, host, port } = config;
  using metrics = createMetrics('control');
  await using db = await openServerDatabase(config, CORE_MIGRATIONS, { log, metrics });
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
