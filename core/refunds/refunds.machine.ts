import type { Machine } from '../kernel/machine.ts';

/**
 * Refunds (退款) and returns (退货), R0…R15. R4, R9 and R12 are written before the other side is asked. The shortest
 * path, R8→R9→R10, starts where nothing is to be returned: a late capture, goods that cannot be shipped.
 * Source: the seed's refund machine; spec 02 "Refund, return, exchange".
 */
export const refundMachine = {
  name: 'refund',
  table: 'core.refund',
  start: 'R0',
  // Nothing to approve and nothing to return: a late capture, goods that cannot be shipped.
  alsoStarts: ['R8'],
  states: {
    R0: { name: 'REFUND_CREATED', to: ['R1'], care: 'person' },
    R1: { name: 'REFUND_APPROVING', to: ['R2', 'R3'], care: 'person' },
    R2: { name: 'REFUND_APPROVED', to: ['R4', 'R8'], care: 2_000 },
    // An end, unless the shopper objects.
    R3: { name: 'REFUND_REJECTED', to: ['R15'], care: 'end' },
    R4: { name: 'REFUND_RETURN_PENDING', to: ['R5', 'R6', 'R7'], care: 6_000, asks: true },
    R5: { name: 'REFUND_RETURN_PROCESSING', to: ['R6', 'R7'], care: 10_000 },
    R6: { name: 'REFUND_RETURN_SUCCESS', to: ['R9', 'R10', 'R12'], care: 2_000 },
    R7: { name: 'REFUND_RETURN_FAILED', to: ['R15'], care: 2_000 },
    R8: { name: 'REFUND_PENDING', to: ['R9', 'R10', 'R12'], care: 2_000 },
    R9: { name: 'REFUND_PROCESSING', to: ['R10', 'R11'], care: 6_000, asks: true },
    R10: { name: 'REFUND_SUCCESS', to: [], care: 'end' },
    R11: { name: 'REFUND_FAILED', to: ['R15'], care: 2_000 },
    R12: { name: 'REFUND_MARKETING_PENDING', to: ['R13', 'R14'], care: 3_000 },
    R13: { name: 'REFUND_MARKETING_SUCCESS', to: ['R9', 'R10'], care: 2_000 },
    R14: { name: 'REFUND_MARKETING_FAILED', to: ['R15'], care: 2_000 },
    R15: { name: 'REFUND_MANUAL_INTERVENTION', to: ['R3', 'R4', 'R9', 'R10', 'R12'], care: 'person' },
  },
} as const satisfies Machine;
