import { ConfigError, requireServer } from '../kernel/config.ts';
import { serve } from '../kernel/http/serve.ts';
import { runProcess, untilAborted } from '../kernel/process.ts';
import { openSandbox } from './app.ts';

await runProcess('sandbox', async ({ config, log, signal }) => {
  requireServer(config);
  if (!isLoopback(config.host) && !config.sandboxExposed) {
    throw new ConfigError(
      `TIDEGATE_HOST cannot be ${config.host} for the sandbox, which pays for anybody who asks: set TIDEGATE_SANDBOX_EXPOSE=yes if that is meant`,
    );
  }
  await using sandbox = await openSandbox(config, log);
  await using _served = await serve(sandbox.app, {
    host: config.host,
    port: config.port,
    log,
    signal,
    name: 'sandbox',
  });
  await untilAborted(signal);
});

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}
