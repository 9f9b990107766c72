import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { ApiError, Unreachable } from '../client.ts';
import { BadLine } from '../replay/lines.ts';
import { loadSettings, SettingsError } from '../settings.ts';
import type { CommandContext } from './command.ts';

const NOT_COMMANDS = new Set(['main.ts', 'command.ts']);

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => stop.abort(new Error(`stopped by ${signal}`)));

const program = new Command('tidegate')
  .description('the stability control plane for big sales, from the command line')
  .exitOverride()
  .showHelpAfterError('(see --help)')
  .configureHelp({ sortSubcommands: true });

process.exitCode = await run();

async function run(): Promise<number> {
  try {
    const context: CommandContext = {
      settings: loadSettings(),
      signal: stop.signal,
      print: (line) => process.stdout.write(`${line}\n`),
      exitCode: 0,
    };
    for (const file of (await readdir(import.meta.dirname))
      .filter((name) => name.endsWith('.ts') && !NOT_COMMANDS.has(name))
      .sort()) {
      const module = (await import(join(import.meta.dirname, file))) as {
        default: (program: Command, context: CommandContext) => void;
      };
      module.default(program, context);
    }
    await program.parseAsync(process.argv);
    return context.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    process.stderr.write(`${explain(error)}\n`);
    return 2;
  }
}

function explain(error: unknown): string {
  if (error instanceof ApiError) {
    const trace = error.traceId === null ? '' : ` (trace ${error.traceId})`;
    return `${error.title}: ${error.message}${trace}`;
  }
  if (error instanceof Unreachable) return `${error.message}. Is the system running? npm start`;
  if (error instanceof SettingsError || error instanceof BadLine) return error.message;
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
    return `there is no file ${'path' in error ? String(error.path) : ''}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
