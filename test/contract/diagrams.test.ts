import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Machine, type StateSpec, startsOf } from '../../core/kernel/machine.ts';
import { CORE, machinesOf } from '../support/machines.ts';

/*
 * The diagrams in the rooms' READMEs are drawn from the machines' tables. `npx vitest run test/contract/diagrams.test.ts -u`
 * draws them anew.
 */
async function filesOf(ending: string): Promise<string[]> {
  const files = await readdir(CORE, { recursive: true });
  return files.filter((file) => file.endsWith(ending) && !file.includes('node_modules')).sort();
}

/** A state as a person reads it: its long name, and who cares for a row that stays there. */
function labelOf(state: string, { name, care, asks }: StateSpec): string {
  const words = [state === name ? state : `${state} ${name}`];
  if (asks === true) words.push('asks outside');
  if (care === 'person') words.push('rests');
  if (typeof care === 'number') words.push(`looked at after ${durationOf(care)}`);
  return words.join(', ');
}

function durationOf(ms: number): string {
  if (ms >= 86_400_000) return `${ms / 86_400_000} days`;
  return ms >= 60_000 ? `${ms / 60_000} min` : `${ms / 1000} s`;
}

function diagramOf(machine: Machine): string {
  const { states } = machine;
  const lines = Object.entries(states).flatMap(([state, spec]) => [
    `  ${state} : ${labelOf(state, spec)}`,
    ...spec.to.map((to) => `  ${state} --> ${to}`),
    ...(spec.care === 'end' ? [`  ${state} --> [*]`] : []),
  ]);
  return [
    '```mermaid',
    'stateDiagram-v2',
    ...startsOf(machine).map((start) => `  [*] --> ${start}`),
    ...lines,
    '```',
  ].join('\n');
}

const BLOCK = /(<!-- machine: (\w+) -->\n)[\s\S]*?(<!-- \/machine -->)/g;

describe('the diagrams of the machines', async () => {
  const machines = await machinesOf();
  const readmes = await filesOf('README.md');
  const texts = new Map<string, string>();
  for (const file of readmes) texts.set(file, await readFile(join(CORE, file), 'utf8'));

  test('each machine is drawn once', () => {
    const drawn = [...texts.values()].flatMap((text) => [...text.matchAll(BLOCK)].map(([, , name]) => name));
    expect(drawn.sort()).toEqual([...machines.keys()].sort());
  });

  test.each(readmes.filter((file) => texts.get(file)?.includes('<!-- machine: ')))(
    '%s draws what the table says',
    async (file) => {
      const drawn = texts.get(file)?.replace(BLOCK, (_, open: string, name: string, close: string) => {
        const machine = machines.get(name);
        return machine === undefined ? `no machine is called ${name}` : `${open}${diagramOf(machine)}\n${close}`;
      });
      await expect(drawn).toMatchFileSnapshot(join(CORE, file));
    },
  );
});
