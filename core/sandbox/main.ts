import { requireServer } from '../kernel/config.ts';
import { serve } from '../kernel/http/serve.ts';
import { runProcess, untilAborted } from '../kernel/process.ts';
import { openSandbox } from './app.ts';

await runProcess('sandbox', async ({ config, log, signal }) => {
  requireServer(config);
  const loopback = config.host === '127.0.0.1' || config.host === '::1' || config.host === 'localhost';
  if (!loopback && !config.sandboxExposed) {
    const message = `the sandbox pays for anybody who asks: it does not listen on ${config.host} unless TIDEGATE_SANDBOX_EXPOSE=yes says that this is meant`;
    throw Object.assign(new Error(message), { exitCode: 2 });
  }
  await using sandbox = await openSandbox(config, log);
  await using served = await serve(sandbox.app, { host: config.host, port: config.port, log, signal, name: 'sandbox' });
  log.info({ url: served.url }, 'the sandbox is open');
  await untilAborted(signal);
});
