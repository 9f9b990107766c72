import { cpus, totalmem } from 'node:os';
import type { Registered } from '../../../core/kernel/registry.ts';

/** What a benchmark found: lines for a person, and the same figures for a machine. */
export interface Report {
  readonly lines: readonly string[];
  readonly figures: Readonly<Record<string, unknown>>;
}

export interface BenchOptions {
  /** Times that the measured part is played; the medians are told. */
  readonly rounds: number;
  /** Length of one measured part. */
  readonly seconds: number;
  /** Where the benchmark says what it is at. */
  readonly note: (line: string) => void;
  /** Fires at Ctrl-C: what was started is stopped. */
  readonly signal: AbortSignal;
  /** A folder for CPU profiles of our own processes, when they are wanted. */
  readonly profileDir: string | undefined;
  /** SQL files of a peer, in their order; see `Benchmark.peer`. */
  readonly peer: readonly string[];
}

/** One benchmark: a file of this folder named by its id. */
export interface Benchmark extends Registered {
  /** One line for the list. */
  readonly title: string;
  /** A peer that is measured beside when its SQL files are given by path, under the flag of this name. */
  readonly peer?: string;
  run(options: BenchOptions): Promise<Report>;
}

/** The machine that the figures hold for. */
export function machine(): { readonly cpu: string; readonly cores: number; readonly memoryGb: number; node: string } {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
  };
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** The value below which the share `p` of the values lies (nearest rank); 0 when there is none. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)] ?? 0;
}
