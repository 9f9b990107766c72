import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * What the clients read from their surroundings. The terminal knows the servers by HTTP only, so it shares no
 * configuration code with them: this file is the one place below `tui/` that looks at the environment.
 */
export type TokenName = 'admin' | 'approver' | 'operator' | 'viewer' | 'shop' | 'merchant';

export interface Settings {
  readonly controlUrl: string;
  readonly coreUrl: string;
  readonly sandboxUrl: string;
  /** The token of this name in `tokens.json`, unless `TIDEGATE_TOKEN` gives one. */
  token(name: TokenName): string;
}

/** A setting that cannot be used; one line that says what to do. */
export class SettingsError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SettingsError';
  }
}

export interface SettingsOverrides {
  readonly controlUrl?: string | undefined;
  readonly token?: string | undefined;
}

export function loadSettings(overrides: SettingsOverrides = {}, env: NodeJS.ProcessEnv = process.env): Settings {
  const dataDir = env['TIDEGATE_DATA_DIR'] ?? '.tidegate';
  // Set to nothing is not set.
  const given = (overrides.token ?? env['TIDEGATE_TOKEN']) || undefined;
  let tokens: Record<string, unknown> | undefined;
  return {
    controlUrl: address(
      'TIDEGATE_CONTROL_URL',
      overrides.controlUrl ?? env['TIDEGATE_CONTROL_URL'] ?? 'http://127.0.0.1:4600',
    ),
    coreUrl: address('TIDEGATE_CORE_URL', env['TIDEGATE_CORE_URL'] ?? 'http://127.0.0.1:4601'),
    sandboxUrl: address('TIDEGATE_SANDBOX_URL', env['TIDEGATE_SANDBOX_URL'] ?? 'http://127.0.0.1:4609'),
    token(name) {
      if (given !== undefined) return given;
      const file = join(dataDir, 'tokens.json');
      tokens ??= readTokens(file);
      const token = tokens[name];
      if (typeof token === 'string') return token;
      throw new SettingsError(`${file} has no token named ${name}; set TIDEGATE_TOKEN`);
    },
  };
}

function readTokens(file: string): Record<string, unknown> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  } catch {
    throw new SettingsError(`no token: ${file} cannot be read. Start the system with npm start, or set TIDEGATE_TOKEN`);
  }
}

function address(name: string, text: string): string {
  if (!URL.canParse(text))
    throw new SettingsError(`${name} is "${text}", which is no URL such as http://127.0.0.1:4600`);
  return text.replace(/\/+$/, '');
}

/** What can be shown where we run. */
export interface TerminalAbility {
  readonly screens: boolean;
  /** Why there are no screens. */
  readonly why: string;
  /** https://no-color.org: any value but the empty one switches colours off. */
  readonly colours: boolean;
}

export function terminalOf(env: NodeJS.ProcessEnv = process.env): TerminalAbility {
  const colours = (env['NO_COLOR'] ?? '') === '';
  if (process.stdout.isTTY !== true) return { screens: false, why: 'standard output is no terminal', colours };
  if (process.stdin.isTTY !== true) return { screens: false, why: 'standard input is no terminal', colours };
  if (env['TERM'] === 'dumb') return { screens: false, why: 'TERM=dumb has no screens', colours };
  return { screens: true, why: '', colours };
}

/** Libraries that ask are to run as in production, unless somebody wants otherwise. */
export function preferProduction(env: NodeJS.ProcessEnv = process.env): void {
  env['NODE_ENV'] ??= 'production';
}
