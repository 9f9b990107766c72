import { roomLockDriver } from '../../core/hotel/hotel.driver.ts';
import { roomLockMachine } from '../../core/hotel/hotel.machine.ts';
import { defineRepair } from '../repair.ts';

/** ASKED: the hotel may or may not have been reached. Ask it; no record → `lock` again under the same key. */
export default defineRepair({
  id: 'room-asked',
  title: 'rooms that the hotel was asked for and has not answered',
  machine: roomLockMachine,
  states: ['ASKED'],
  driver: roomLockDriver,
});
