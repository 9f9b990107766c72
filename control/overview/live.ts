import { shipmentMachine } from '../../core/fulfilment/fulfilment.machine.ts';
import type { Machine } from '../../core/kernel/machine.ts';
import { orderMachine } from '../../core/orders/orders.machine.ts';
import {
  callbackMachine,
  captureMachine,
  deductionMachine,
  LIVE_PAYMENT_STATES,
  paymentMachine,
} from '../../core/payments/payments.machine.ts';
import { refundMachine } from '../../core/refunds/refunds.machine.ts';

/**
 * The states that a screen counts as they stand, and the partial index that makes this cost what is alive and not what
 * ever was. `state`: an index over (state, state_since) whose predicate is this very list. `due`: no such index, so the
 * rows that a repair has still to look at, and those that wait for a person, are found by their two.
 */
export interface LiveMachine {
  readonly machine: Machine;
  readonly states: readonly string[];
  readonly by: 'state' | 'due';
  /** Belongs to the funnel, not only to what may be stuck. */
  readonly funnel: boolean;
}

export const LIVE: readonly LiveMachine[] = [
  { machine: orderMachine, states: ['O0', 'O1'], by: 'state', funnel: true },
  { machine: paymentMachine, states: LIVE_PAYMENT_STATES, by: 'state', funnel: true },
  { machine: shipmentMachine, states: ['F0', 'F1', 'F2'], by: 'state', funnel: true },
  {
    machine: refundMachine,
    states: ['R0', 'R1', 'R2', 'R4', 'R5', 'R6', 'R8', 'R9', 'R11', 'R12', 'R13', 'R14', 'R15'],
    by: 'state',
    funnel: true,
  },
  { machine: deductionMachine, states: ['ROLLBACK_PENDING'], by: 'due', funnel: false },
  { machine: captureMachine, states: ['LATE'], by: 'due', funnel: false },
  { machine: callbackMachine, states: ['STORED'], by: 'due', funnel: false },
];

/** The states of the funnel that are not counted as they stand: how many came there today is added up as it happens. */
export const ENDS: readonly { readonly machine: Machine; readonly state: string }[] = LIVE.filter(
  ({ funnel }) => funnel,
).flatMap(({ machine, states }) =>
  Object.keys(machine.states)
    .filter((state) => !states.includes(state))
    .map((state) => ({ machine, state })),
);
