import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { CommandError } from '../command-error.ts';
import { explain, stackOf, told } from '../explain.ts';
import { loadSettings, type Settings } from '../settings.ts';
import type { CommandContext } from './command.ts';

const NOT_COMMANDS = new Set(['main.ts', 'command.ts']);

/** What a shell expects of a process that a signal ended: 128 and its number. A second signal ends it at once. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

const stop = new AbortController();
let stoppedWith: number | null = null;
for (const [signal, code] of Object.entries(SIGNALS))
  process.once(signal, () => {
    stoppedWith = code;
    stop.abort(new CommandError(`stopped by ${signal}`, code));
  });

const program = new Command('tidegate')
  .description('the stability control plane for big sales, from the command line')
  .exitOverride()
  .showHelpAfterError('(see --help)')
  .configureHelp({ sortSubcommands: true });

process.exitCode = await run();

async function run(): Promise<number> {
  try {
    let settings: Settings | undefined;
    const context: CommandContext = {
      // When a command asks: the help is there whatever the environment says.
      get settings() {
        settings ??= loadSettings();
        return settings;
      },
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
    // Whatever a stop broke off, the stop is the reason; a command may have more to say about it.
    const reason = stoppedWith === null || error instanceof CommandError ? error : stop.signal.reason;
    process.stderr.write(`${wordsFor(reason)}\n`);
    return stoppedWith ?? (error instanceof CommandError ? error.exitCode : 2);
  }
}

function wordsFor(error: unknown): string {
  const trouble = explain(error);
  if (trouble !== null) return told(trouble);
  if (error instanceof CommandError) return error.message;
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
    return `there is no file ${'path' in error ? String(error.path) : ''}`;
  return stackOf(error);
}
