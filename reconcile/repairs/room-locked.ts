import { roomLockDriver } from '../../core/hotel/hotel.driver.ts';
import { roomLockMachine } from '../../core/hotel/hotel.machine.ts';
import { defineRepair } from '../repair.ts';

/** LOCKED past its order’s deadline: an order that has ended lets its room go; one that is still open is left to its own repair. */
export default defineRepair({
  id: 'room-locked',
  title: 'rooms that are kept for orders nobody paid',
  machine: roomLockMachine,
  states: ['LOCKED'],
  driver: roomLockDriver,
});
