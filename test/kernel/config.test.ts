import { describe, expect, it } from 'vitest';
import { ConfigError, loadConfig, VARIABLE_NAMES } from '../../core/kernel/config.ts';

const DATABASE_URL = 'postgres://app:pw@127.0.0.1:4632/tidegate';

describe('configuration', () => {
  it('has a default for everything but the database', () => {
    expect(loadConfig('core', { DATABASE_URL })).toEqual({
      process: 'core',
      host: '127.0.0.1',
      port: 4601,
      dataDir: '.tidegate',
      databaseUrl: DATABASE_URL,
      migrateUrl: undefined,
      poolSize: 16,
      controlUrl: 'http://127.0.0.1:4600',
      coreUrl: 'http://127.0.0.1:4601',
      sandboxUrl: 'http://127.0.0.1:4609',
      sandboxExposed: false,
      floodRate: 100,
      floodCapacity: 20_000,
      instance: 'core-1',
      instanceToken: undefined,
      webhookSecret: undefined,
      redisUrl: undefined,
      prometheusUrl: undefined,
      otlpEndpoint: undefined,
      logLevel: 'info',
      token: undefined,
    });
    expect(loadConfig('control', { DATABASE_URL }).port).toBe(4600);
    expect(loadConfig('reconcile', { DATABASE_URL }).port).toBe(4602);
    expect(loadConfig('sandbox', { DATABASE_URL }).port).toBe(4609);
  });

  it('needs a database for servers only', () => {
    expect(() => loadConfig('core', {})).toThrow(
      new ConfigError(
        'DATABASE_URL is missing: expected a URL beginning with postgres:// (`npm start` brings its own database)',
      ),
    );
    expect(loadConfig('up', {}).databaseUrl).toBeUndefined();
    expect(loadConfig('cli', { TIDEGATE_TOKEN: '' }).token).toBeUndefined();
  });

  it.each([
    ['PORT', '70000', 'PORT cannot be "70000": expected a whole number from 0 to 65535'],
    ['PORT', '80a', 'PORT cannot be "80a": expected a whole number from 0 to 65535'],
    ['PORT', '-1', 'PORT cannot be "-1": expected a whole number from 0 to 65535'],
    ['TIDEGATE_HOST', 'a b', 'TIDEGATE_HOST cannot be "a b": expected a host name or address, such as 127.0.0.1'],
    [
      'TIDEGATE_CORE_URL',
      'ftp://x',
      'TIDEGATE_CORE_URL cannot be "ftp://x": expected a URL beginning with http:// or https://',
    ],
    [
      'TIDEGATE_LOG_LEVEL',
      'loud',
      'TIDEGATE_LOG_LEVEL cannot be "loud": expected one of fatal, error, warn, info, debug, trace, silent',
    ],
    ['TIDEGATE_POOL_SIZE', '0', 'TIDEGATE_POOL_SIZE cannot be "0": expected a whole number from 1 to 500'],
  ])('%s=%s is one clear line', (name, value, message) => {
    expect(() => loadConfig('core', { DATABASE_URL, [name]: value })).toThrow(new ConfigError(message));
  });

  it.each([
    'DATABASE_URL',
    'TIDEGATE_MIGRATE_URL',
    'REDIS_URL',
    'PROMETHEUS_URL',
    'OTEL_EXPORTER_OTLP_ENDPOINT',
    'TIDEGATE_TOKEN',
    'TIDEGATE_INSTANCE_TOKEN',
    'TIDEGATE_WEBHOOK_SECRET',
  ])('%s may hold a secret, which the message does not show', (name) => {
    const load = () => loadConfig('core', { DATABASE_URL, [name]: 'user:hunter2@host' });
    expect(load).toThrow(new RegExp(`^${name} cannot be its value \\(not shown\\): expected `));
    expect(load).not.toThrow(/hunter2/);
  });

  it.each(VARIABLE_NAMES)('%s left empty counts as absent', (name) => {
    expect(loadConfig('up', { [name]: '' })).toEqual(loadConfig('up', {}));
  });
});
