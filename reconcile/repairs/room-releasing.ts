import { roomLockDriver } from '../../core/hotel/hotel.driver.ts';
import { roomLockMachine } from '../../core/hotel/hotel.machine.ts';
import { defineRepair } from '../repair.ts';

/** RELEASING: tell the hotel until it says released; then a paid stay is paid back, less its penalty. */
export default defineRepair({
  id: 'room-releasing',
  title: 'rooms that the hotel was told to let go',
  machine: roomLockMachine,
  states: ['RELEASING'],
  driver: roomLockDriver,
});
