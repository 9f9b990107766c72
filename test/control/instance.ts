import { loadSwitches } from '../../core/guard/declarations.ts';
import { createGuard } from '../../core/guard/live.ts';
import { systemClock } from '../../core/kernel/clock.ts';
import { loadConfig } from '../../core/kernel/config.ts';
import { createLogger } from '../../core/kernel/log.ts';
import { createMetrics } from '../../core/kernel/metrics.ts';
import { systemRandom } from '../../core/kernel/random.ts';

/** An instance as a process of its own, to be stopped and killed: answers `state` over IPC with what it enforces. */
const config = loadConfig('up');
const guard = await createGuard({
  process: 'core',
  switches: await loadSwitches(),
  config,
  clock: systemClock,
  random: systemRandom,
  log: createLogger('core', config),
  metrics: createMetrics('core'),
});
process.on('message', () => {
  process.send?.({ ...guard.status(), orderCreate: guard.enter('order.create').allowed });
});
process.on('disconnect', () => process.exit(0));
process.on('SIGTERM', () => void guard[Symbol.asyncDispose]().then(() => process.exit(0)));
process.send?.({ ready: true });
