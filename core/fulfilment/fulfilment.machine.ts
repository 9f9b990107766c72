import type { Machine } from '../kernel/machine.ts';

/**
 * The shipment of an order (履约), F0…F5. F1 is written before the fulfilment service is asked.
 * Source: the seed's fulfilment machine; spec 02 "Fulfilment".
 */
export const shipmentMachine = {
  name: 'shipment',
  table: 'core.shipment',
  start: 'F0',
  states: {
    F0: { name: 'FULFILMENT_NOT_STARTED', to: ['F1', 'F5'], care: 2_000 },
    F1: { name: 'FULFILMENT_PENDING', to: ['F2', 'F3', 'F4', 'F5'], care: 6_000, asks: true },
    F2: { name: 'FULFILMENT_PROCESSING', to: ['F3', 'F4', 'F5'], care: 10_000 },
    F3: { name: 'FULFILMENT_FAILED', to: [], care: 'end' },
    F4: { name: 'FULFILMENT_SUCCESS', to: [], care: 'end' },
    F5: { name: 'FULFILMENT_CANCELLED', to: [], care: 'end' },
  },
} as const satisfies Machine;
