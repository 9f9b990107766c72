import type { Machine } from '../kernel/machine.ts';

const WEEK_MS = 7 * 24 * 3_600_000;

/**
 * The order (订单), O0…O5. An unpaid order's deadline is its own `expires_at`, so its `due_at` is always given.
 * Source: the seed's order machine; spec 02 "Orders".
 */
export const orderMachine = {
  name: 'order',
  table: 'core.orders',
  start: 'O0',
  states: {
    O0: { name: 'ORDER_CREATED', to: ['O1', 'O4'], care: 15 * 60_000, event: 'order.created' },
    O1: { name: 'ORDER_PAID', to: ['O2', 'O3'], care: 'person', event: 'order.paid' },
    O2: { name: 'ORDER_FULFILLED', to: ['O3', 'O5'], care: WEEK_MS, event: 'order.fulfilled' },
    O3: { name: 'ORDER_REFUNDED', to: ['O5'], care: WEEK_MS, event: 'order.refunded' },
    O4: { name: 'ORDER_CANCELLED', to: ['O1', 'O5'], care: WEEK_MS, event: 'order.cancelled' },
    O5: { name: 'ORDER_COMPLETED', to: ['O3'], care: 'end', event: 'order.completed' },
  },
} as const satisfies Machine;
