import type { Machine } from '../kernel/machine.ts';

/**
 * The room of an order at the hotel (锁房). ASKED is written with the order, before the hotel is asked; RELEASING before it
 * is told to let go. A lock that nobody paid for is let go with its order; one that was paid is kept until the stay is over.
 */
export const roomLockMachine = {
  name: 'room_lock',
  table: 'core.room_lock',
  start: 'ASKED',
  states: {
    ASKED: { name: 'ROOM_ASKED', to: ['LOCKED', 'REFUSED', 'RELEASING'], care: 6_000, asks: true },
    LOCKED: { name: 'ROOM_LOCKED', to: ['CONFIRMED', 'RELEASING'], care: 20 * 60_000 },
    REFUSED: { name: 'ROOM_REFUSED', to: [], care: 'end' },
    CONFIRMED: { name: 'ROOM_CONFIRMED', to: ['STAYED', 'RELEASING'], care: 24 * 3_600_000 },
    STAYED: { name: 'ROOM_STAYED', to: [], care: 'end' },
    RELEASING: { name: 'ROOM_RELEASING', to: ['RELEASED'], care: 2_000 },
    RELEASED: { name: 'ROOM_RELEASED', to: [], care: 'end' },
  },
} as const satisfies Machine;
