import { roomLockDriver } from '../../core/hotel/hotel.driver.ts';
import { roomLockMachine } from '../../core/hotel/hotel.machine.ts';
import { defineRepair } from '../repair.ts';

/** CONFIRMED on the day of departure: the stay is over, and its order is fulfilled. */
export default defineRepair({
  id: 'room-confirmed',
  title: 'stays that are over',
  machine: roomLockMachine,
  states: ['CONFIRMED'],
  driver: roomLockDriver,
});
