import { z } from 'zod';

/** Every process that reads configuration. `up` composes the others; `cli` is a client. */
export type ProcessName = 'core' | 'control' | 'reconcile' | 'sandbox' | 'up' | 'cli';

export interface Config {
  readonly process: ProcessName;
  /** Loopback unless told otherwise. */
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  readonly databaseUrl: string | undefined;
  readonly migrateUrl: string | undefined;
  readonly poolSize: number;
  readonly controlUrl: string;
  readonly coreUrl: string;
  readonly sandboxUrl: string;
  /** The sandbox may listen outside loopback. */
  readonly sandboxExposed: boolean;
  /** The name this process goes by among its replicas. */
  readonly instance: string;
  readonly instanceToken: string | undefined;
  readonly webhookSecret: string | undefined;
  readonly redisUrl: string | undefined;
  readonly prometheusUrl: string | undefined;
  readonly otlpEndpoint: string | undefined;
  readonly logLevel: LogLevel;
  /** At which rate stored-up orders are placed, a second, and how many may wait. */
  readonly floodRate: number;
  readonly floodCapacity: number;
  /** The client's bearer token. */
  readonly token: string | undefined;
}

/** A process that cannot run without its database: `databaseUrl` is there. */
export type ServerConfig = Config & { readonly databaseUrl: string };

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** A value in the environment that the process cannot start with. One line; `runProcess` prints it and exits 2. */
export class ConfigError extends Error {
  readonly exitCode = 2;
  constructor(message: string) {
    super(message);
    this.name = 'ConfigError';
  }
}

const DEFAULT_PORT: Record<ProcessName, number> = {
  control: 4600,
  core: 4601,
  reconcile: 4602,
  sandbox: 4609,
  /** Control's: the others follow from it. 0 looks for free ones. */
  up: 4600,
  cli: 0,
};

/** `reconcile` and the servers need a database; `up` brings its own when none is named, a client never opens one. */
const NEEDS_DATABASE: ReadonlySet<ProcessName> = new Set(['core', 'control', 'reconcile', 'sandbox']);

function url(...protocols: string[]) {
  const expected = `a URL beginning with ${protocols.map((p) => `${p}//`).join(' or ')}`;
  return z.string().refine((text) => URL.canParse(text) && protocols.includes(new URL(text).protocol), expected);
}

const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .refine((t) => /^\d{1,9}$/.test(t) && Number(t) >= min && Number(t) <= max, `a whole number from ${min} to ${max}`)
    .transform(Number);

const http = url('http:', 'https:');
const postgres = url('postgres:', 'postgresql:');

/** Each variable: how it must look, and whether its value may be shown. The one list of them. */
const VARIABLES = {
  PORT: { schema: wholeNumber(0, 65535) },
  TIDEGATE_HOST: { schema: z.string().regex(/^[A-Za-z0-9.:-]{1,253}$/, 'a host name or address, such as 127.0.0.1') },
  TIDEGATE_DATA_DIR: { schema: z.string().refine((t) => !t.includes('\0') && t.length < 4096, 'a directory path') },
  DATABASE_URL: { schema: postgres, secret: true },
  TIDEGATE_MIGRATE_URL: { schema: postgres, secret: true },
  TIDEGATE_POOL_SIZE: { schema: wholeNumber(1, 500) },
  TIDEGATE_CONTROL_URL: { schema: http },
  TIDEGATE_CORE_URL: { schema: http },
  TIDEGATE_SANDBOX_URL: { schema: http },
  TIDEGATE_SANDBOX_EXPOSE: { schema: z.enum(['yes', 'no'], { error: 'yes or no' }) },
  TIDEGATE_INSTANCE: {
    schema: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'a name of up to 63 letters, digits, dots and dashes'),
  },
  TIDEGATE_INSTANCE_TOKEN: { schema: tokenShape(), secret: true },
  TIDEGATE_WEBHOOK_SECRET: {
    schema: z.string().regex(/^whsec_[A-Za-z0-9+/]{32,88}={0,2}$/, 'whsec_ followed by 24 to 64 bytes in base64'),
    secret: true,
  },
  REDIS_URL: { schema: url('redis:', 'rediss:'), secret: true },
  PROMETHEUS_URL: { schema: http, secret: true },
  OTEL_EXPORTER_OTLP_ENDPOINT: { schema: http, secret: true },
  TIDEGATE_FLOOD_RATE: { schema: wholeNumber(1, 100_000) },
  TIDEGATE_FLOOD_CAPACITY: { schema: wholeNumber(1, 1_000_000) },
  TIDEGATE_LOG_LEVEL: { schema: z.enum(LOG_LEVELS, { error: `one of ${LOG_LEVELS.join(', ')}` }) },
  TIDEGATE_TOKEN: { schema: tokenShape(), secret: true },
} as const satisfies Record<string, { schema: z.ZodType<string | number>; secret?: true }>;

function tokenShape() {
  return z.string().regex(/^tg_[A-Za-z0-9_-]{20,200}$/, 'a token as POST /v1/tokens of control answers it');
}

type VariableName = keyof typeof VARIABLES;
type Value<N extends VariableName> = z.output<(typeof VARIABLES)[N]['schema']>;
type Environment = Readonly<Record<string, string | undefined>>;

/** The names of all environment variables that Tidegate reads. */
export const VARIABLE_NAMES = Object.keys(VARIABLES) as readonly VariableName[];

/**
 * Reads the environment of one process. An empty variable counts as absent, as Compose files and shells leave them.
 *
 * @throws ConfigError naming the variable, its value unless it may hold a secret, and what is expected.
 */
export function loadConfig(process: ProcessName, env: Environment = environment()): Config {
  const read = <N extends VariableName>(name: N): Value<N> | undefined => readVariable(name, env);
  const config: Config = {
    process,
    host: read('TIDEGATE_HOST') ?? '127.0.0.1',
    port: read('PORT') ?? DEFAULT_PORT[process],
    dataDir: read('TIDEGATE_DATA_DIR') ?? '.tidegate',
    databaseUrl: read('DATABASE_URL'),
    migrateUrl: read('TIDEGATE_MIGRATE_URL'),
    poolSize: read('TIDEGATE_POOL_SIZE') ?? 16,
    controlUrl: read('TIDEGATE_CONTROL_URL') ?? `http://127.0.0.1:${DEFAULT_PORT.control}`,
    coreUrl: read('TIDEGATE_CORE_URL') ?? `http://127.0.0.1:${DEFAULT_PORT.core}`,
    sandboxExposed: read('TIDEGATE_SANDBOX_EXPOSE') === 'yes',
    sandboxUrl: read('TIDEGATE_SANDBOX_URL') ?? `http://127.0.0.1:${DEFAULT_PORT.sandbox}`,
    instance: read('TIDEGATE_INSTANCE') ?? `${process}-1`,
    instanceToken: read('TIDEGATE_INSTANCE_TOKEN'),
    webhookSecret: read('TIDEGATE_WEBHOOK_SECRET'),
    redisUrl: read('REDIS_URL'),
    prometheusUrl: read('PROMETHEUS_URL'),
    otlpEndpoint: read('OTEL_EXPORTER_OTLP_ENDPOINT'),
    floodRate: read('TIDEGATE_FLOOD_RATE') ?? 100,
    floodCapacity: read('TIDEGATE_FLOOD_CAPACITY') ?? 20_000,
    logLevel: read('TIDEGATE_LOG_LEVEL') ?? 'info',
    token: read('TIDEGATE_TOKEN'),
  };
  if (NEEDS_DATABASE.has(process)) requireServer(config);
  return config;
}

/** Narrows to a configuration with a database, or says in one line that it is missing. */
export function requireServer(config: Config): asserts config is ServerConfig {
  if (config.databaseUrl !== undefined) return;
  throw new ConfigError(
    'DATABASE_URL is missing: expected a URL beginning with postgres:// (`npm start` brings its own database)',
  );
}

function readVariable<N extends VariableName>(name: N, env: Environment): Value<N> | undefined {
  const text = env[name];
  if (text === undefined || text === '') return undefined;
  const variable: { schema: z.ZodType<string | number>; secret?: true } = VARIABLES[name];
  const parsed = variable.schema.safeParse(text);
  if (!parsed.success) {
    const shown = variable.secret === true ? 'its value (not shown)' : JSON.stringify(text.slice(0, 200));
    throw new ConfigError(`${name} cannot be ${shown}: expected ${parsed.error.issues[0]?.message ?? 'another value'}`);
  }
  return parsed.data as Value<N>;
}

/** The whole environment, for handing on to child processes. No other file reads it. */
export function environment(): Environment {
  return process.env;
}
