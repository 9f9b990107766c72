import type { Machine } from '../kernel/machine.ts';

/**
 * One attempt to pay (支付), P0…P11. P2 and P5 are written before marketing and the channel are asked, so that a crash
 * leaves a row that a repair can finish. A retry is a new attempt, never a reopened one.
 * Source: the seed's payment machine; spec 02 "Payment".
 */
export const paymentMachine = {
  name: 'payment',
  table: 'core.payment',
  start: 'P0',
  states: {
    P0: { name: 'PAYMENT_NOT_STARTED', to: ['P1'], care: 3_000 },
    P1: { name: 'PAYMENT_PENDING', to: ['P2', 'P10', 'P11'], care: 3_000 },
    P2: { name: 'PAYMENT_MARKETING_INIT', to: ['P3', 'P4', 'P10'], care: 6_000, asks: true },
    P3: { name: 'PAYMENT_MARKETING_FAILED', to: [], care: 'end' },
    P4: { name: 'PAYMENT_MARKETING_SUCCESS', to: ['P5', 'P8', 'P10'], care: 3_000 },
    P5: { name: 'PAYMENT_INITIALIZED', to: ['P6', 'P7', 'P8', 'P9', 'P10', 'P11'], care: 6_000, asks: true },
    P6: { name: 'PAYMENT_INITIALIZED_FAILED', to: [], care: 'end' },
    P7: { name: 'PAYMENT_PROCESSING', to: ['P8', 'P9', 'P10', 'P11'], care: 10_000 },
    P8: { name: 'PAYMENT_SUCCESS', to: [], care: 'end' },
    P9: { name: 'PAYMENT_FAILED', to: [], care: 'end' },
    P10: { name: 'PAYMENT_CANCELLED', to: [], care: 'end' },
    P11: { name: 'PAYMENT_TIMEOUT', to: [], care: 'end' },
  },
} as const satisfies Machine;

export const LIVE_PAYMENT_STATES = ['P0', 'P1', 'P2', 'P4', 'P5', 'P7'] as const;

/** One marketing resource of one attempt. Whatever was asked for is rolled back when the attempt ends without success. */
export const deductionMachine = {
  name: 'deduction',
  table: 'core.deduction',
  start: 'ASKED',
  states: {
    ASKED: { name: 'DEDUCTION_ASKED', to: ['DEDUCTED', 'REFUSED', 'ROLLBACK_PENDING'], care: 'person' },
    DEDUCTED: { name: 'DEDUCTION_DONE', to: ['ROLLBACK_PENDING'], care: 'end' },
    REFUSED: { name: 'DEDUCTION_REFUSED', to: [], care: 'end' },
    ROLLBACK_PENDING: { name: 'DEDUCTION_ROLLBACK_PENDING', to: ['ROLLED_BACK'], care: 2_000 },
    ROLLED_BACK: { name: 'DEDUCTION_ROLLED_BACK', to: [], care: 'end' },
  },
} as const satisfies Machine;

/** Money a channel took. A late one waits in suspense until it is refunded, or pays its order after all. */
export const captureMachine = {
  name: 'capture',
  table: 'core.capture',
  start: 'APPLIED',
  alsoStarts: ['LATE'],
  states: {
    APPLIED: { name: 'CAPTURE_APPLIED', to: [], care: 'end' },
    LATE: { name: 'CAPTURE_LATE', to: ['HANDLED', 'REVIVED'], care: 2_000 },
    HANDLED: { name: 'CAPTURE_HANDLED', to: [], care: 'end' },
    REVIVED: { name: 'CAPTURE_REVIVED', to: [], care: 'end' },
  },
} as const satisfies Machine;

/** A signed message from outside, stored before it is applied. */
export const callbackMachine = {
  name: 'callback',
  table: 'core.callback',
  start: 'STORED',
  states: {
    STORED: { name: 'CALLBACK_STORED', to: ['APPLIED', 'REJECTED'], care: 1_000 },
    APPLIED: { name: 'CALLBACK_APPLIED', to: [], care: 'end' },
    REJECTED: { name: 'CALLBACK_REJECTED', to: [], care: 'end' },
  },
} as const satisfies Machine;
