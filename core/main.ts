import { coreApp, openCore } from './app.ts';
import { RunningConsumers } from './consumers/consumers.ts';
import { requireServer } from './kernel/config.ts';
import { serve } from './kernel/http/serve.ts';
import { runProcess, untilAborted } from './kernel/process.ts';
import { FloodDrain } from './orders/drain.ts';

await runProcess('core', async ({ config, log, signal }) => {
  requireServer(config);
  await using core = await openCore('core', config, log);
  await using consumers = await RunningConsumers.start(core.context, core.metrics, config.instance);
  core.whenMoved(() => consumers.kick());
  await using _drain = await FloodDrain.start(core.context, config.instance, core.metrics);
  using app = coreApp(core, config, log);
  await using served = await serve(app, { host: config.host, port: config.port, log, signal, name: 'core' });
  log.info({ url: served.url }, 'the core serves');
  await untilAborted(signal);
});
