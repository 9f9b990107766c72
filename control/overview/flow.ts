import { stateSpec } from '../../core/kernel/machine.ts';
import { LIVE } from '../../reconcile/live.ts';
import type { Standing } from '../../reconcile/stuck.ts';
import type { StateCount, StuckState } from '../api/contract.ts';
import type { DayTally } from './tally.ts';

const FUNNEL = LIVE.filter(({ funnel }) => funnel);
const MACHINE_ORDER = FUNNEL.map(({ machine }) => machine.name);

/** The states that are not counted as they stand: how many came there today is added up as it happens. */
const ENDS = FUNNEL.flatMap(({ machine, states }) =>
  Object.keys(machine.states)
    .filter((state) => !states.includes(state))
    .map((state) => ({ machine, state })),
);

/** Rows by state along the machines: live states as they stand, ends as far as they were reached today. */
export function funnelOf(standings: readonly Standing[], today: DayTally): StateCount[] {
  const standing = standings
    .filter(({ machine }) => MACHINE_ORDER.includes(machine))
    .map(({ machine, state, name, inState }): StateCount => ({ machine, state, name, count: inState, span: 'now' }));
  const reached = ENDS.map(({ machine, state }): StateCount => {
    const count = today.entered.get(`${machine.name} ${state}`) ?? 0;
    return { machine: machine.name, state, name: stateSpec(machine, state).name, count, span: 'today' };
  });
  return [...standing, ...reached].sort(byMachineAndState);
}

function byMachineAndState(a: StateCount, b: StateCount): number {
  if (a.machine !== b.machine) return MACHINE_ORDER.indexOf(a.machine) - MACHINE_ORDER.indexOf(b.machine);
  return a.state.localeCompare(b.state, 'en', { numeric: true });
}

/** Every live state that has a limit of time or has a row that waits for a person. */
export function stuckOf(standings: readonly Standing[]): StuckState[] {
  return standings
    .filter(({ limitSeconds, waitingForPerson }) => limitSeconds !== null || waitingForPerson > 0)
    .map(({ oldestStuckSeconds: _, oldestSeconds, limitSeconds, ...standing }) => ({
      ...standing,
      oldestSeconds: Math.round(oldestSeconds * 10) / 10,
      limitSeconds: limitSeconds ?? 0,
    }));
}
