import type { Machine } from '../kernel/machine.ts';

/**
 * An order that waits in the queue (订单蓄洪). It ends exactly once: in an order, in a reason, or because its shopper did
 * not want to wait. Source: spec 02 "Flood storage".
 */
export const ticketMachine = {
  name: 'ticket',
  table: 'core.ticket',
  start: 'QUEUED',
  states: {
    QUEUED: { name: 'TICKET_QUEUED', to: ['PLACED', 'REFUSED', 'CANCELLED'], care: 15 * 60_000 },
    PLACED: { name: 'TICKET_PLACED', to: [], care: 'end' },
    REFUSED: { name: 'TICKET_REFUSED', to: [], care: 'end' },
    CANCELLED: { name: 'TICKET_CANCELLED', to: [], care: 'end' },
  },
} as const satisfies Machine;
