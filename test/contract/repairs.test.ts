import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Machine } from '../../core/kernel/machine.ts';
import { loadRepairs } from '../../reconcile/repair.ts';

const ROOT = join(import.meta.dirname, '../..');

/** Every machine of the core, found by its file. */
async function machines(): Promise<Machine[]> {
  const files = (await readdir(join(ROOT, 'core'), { recursive: true })).filter((file) => file.endsWith('.machine.ts'));
  const found: Machine[] = [];
  for (const file of files) {
    const module = (await import(join(ROOT, 'core', file))) as Record<string, unknown>;
    for (const value of Object.values(module)) {
      if (typeof value === 'object' && value !== null && 'states' in value && 'table' in value)
        found.push(value as Machine);
    }
  }
  return found;
}

describe('the registry of repairs', async () => {
  const repairs = await loadRepairs();
  const all = await machines();

  test('there are machines and repairs to look at', () => {
    expect(all.length).toBeGreaterThanOrEqual(8);
    expect(repairs.length).toBeGreaterThanOrEqual(20);
  });

  test.each(all.map((machine) => [machine.name, machine] as const))(
    'every state of %s is an end, rests for a person, or has a repair',
    (_name, machine) => {
      for (const [state, spec] of Object.entries(machine.states)) {
        if (spec.care === 'end' || spec.care === 'person') continue;
        const caring = repairs.filter((r) => r.machine === machine.name && r.states.includes(state));
        expect(
          caring.map((r) => r.id),
          `${machine.name} ${state}`,
        ).toHaveLength(1);
      }
    },
  );

  test.each(repairs.map((repair) => [repair.id, repair] as const))('%s says what it is for', (_id, repair) => {
    expect(repair.title.length).toBeGreaterThan(10);
    expect(repair.states.length).toBeGreaterThan(0);
    const machine = all.find((m) => m.name === repair.machine);
    if (repair.machine === null) return;
    expect(machine, `a machine ${repair.machine}`).toBeDefined();
    for (const state of repair.states) expect(typeof machine?.states[state]?.care).toBe('number');
  });
});
