import { openCore } from '../core/app.ts';
import { requireServer } from '../core/kernel/config.ts';
import { serve } from '../core/kernel/http/serve.ts';
import { runProcess, untilAborted } from '../core/kernel/process.ts';
import { openReconcile } from './app.ts';

await runProcess('reconcile', async ({ config, log, signal }) => {
  requireServer(config);
  await using core = await openCore('reconcile', config, log);
  const { context, metrics } = core;
  await using reconcile = await openReconcile({ context, metrics, replica: config.instance });
  await using served = await serve(reconcile.app, {
    host: config.host,
    port: config.port,
    log,
    signal,
    name: 'reconcile',
  });
  log.info({ url: served.url }, 'the reconcilers run');
  await untilAborted(signal);
});
