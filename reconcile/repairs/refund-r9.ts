import { refundDriver } from '../../core/refunds/refunds.driver.ts';
import { refundMachine } from '../../core/refunds/refunds.machine.ts';
import { defineRepair } from '../repair.ts';

/**
 * R9: the channel may or may not have been reached. Ask it by the refund's number; no record → ask again under the same
 * number.
 */
export default defineRepair({
  id: 'refund-r9',
  title: 'refunds whose channel answer is missing',
  machine: refundMachine,
  states: ['R9'],
  driver: refundDriver,
});
