import { describe, expect, test } from 'vitest';
import { LIVE } from '../../reconcile/live.ts';
import { loadRepairs } from '../../reconcile/repair.ts';
import { machinesOf } from '../support/machines.ts';

/*
 * Nothing rests for ever unseen: every state of every machine is an end, has a repair (by its deadline), or rests for a
 * person with an age from which `stuck-age` tells of it. What rests for a person without one is named here with its reason.
 */
const WAITS_AS_LONG_AS_IT_LIKES: Readonly<Record<string, string>> = {
  'product DRAFT': 'the merchant writes it',
  'product PENDING_AUDIT': 'nothing of it is for sale, and no money waits',
  'product AUDIT_REJECTED': 'the merchant mends it, or not',
  'product AUDIT_APPROVED': 'the merchant publishes it, or not',
  'product ON_SHELF': 'it is for sale',
  'product OFF_SHELF': 'the merchant publishes it again, or not',
  'product SOLD_OUT': 'the stock brings it back',
  'product FROZEN': 'the merchant frees it, or not',
  'campaign ACTIVE': 'it gives out coupons until its end',
  'campaign PAUSED': 'the merchant goes on with it, or ends it',
  'deduction ASKED': 'its attempt stands at P2, which has a repair and a limit',
};

describe('every state', async () => {
  const repairs = await loadRepairs();
  const states = [...(await machinesOf()).values()].flatMap((machine) =>
    Object.entries(machine.states).map(
      ([state, spec]) => [`${machine.name} ${state}`, machine.name, state, spec] as const,
    ),
  );

  test.each(states)('%s is an end, or somebody comes', (name, machine, state, { care }) => {
    if (care === 'end') return;
    const cared = repairs.some((repair) => repair.machine === machine && repair.states.includes(state));
    const watched = LIVE.some((live) => live.machine.name === machine && live.limits[state] !== undefined);
    if (name in WAITS_AS_LONG_AS_IT_LIKES) expect([cared, watched]).toEqual([false, false]);
    else if (care === 'person') expect(watched, 'an age alert').toBe(true);
    else expect(cared, 'a repair').toBe(true);
  });

  test('the reasons name states that are there', () => {
    const names = new Set<string>(states.map(([name]) => name));
    expect(Object.keys(WAITS_AS_LONG_AS_IT_LIKES).filter((name) => !names.has(name))).toEqual([]);
  });
});
