import type { Settings } from '../settings.ts';

/**
 * What a command works with. A command is one file in this folder whose default export adds it to the program:
 * `export default function name(program: Command, context: CommandContext): void`.
 */
export interface CommandContext {
  readonly settings: Settings;
  readonly signal: AbortSignal;
  /** Writes a line to standard output. */
  readonly print: (line: string) => void;
  /** What the process ends with when the command returns. 0 good, 1 a bad verdict, 2 bad usage or no answer. */
  exitCode: number;
}
