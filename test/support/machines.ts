import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Machine } from '../../core/kernel/machine.ts';

export const CORE = join(import.meta.dirname, '../../core');

/** Every state machine of the core by its name, from the files that end in `.machine.ts`. */
export async function machinesOf(): Promise<ReadonlyMap<string, Machine>> {
  const files = await readdir(CORE, { recursive: true });
  const modules: Record<string, unknown>[] = await Promise.all(
    files.filter((file) => file.endsWith('.machine.ts')).map((file) => import(join(CORE, file))),
  );
  const machines = modules.flatMap((module) => Object.values(module).filter(isMachine));
  return new Map(machines.map((machine) => [machine.name, machine]));
}

function isMachine(value: unknown): value is Machine {
  return typeof value === 'object' && value !== null && 'states' in value && 'table' in value;
}
