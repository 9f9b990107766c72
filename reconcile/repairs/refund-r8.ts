import { refundDriver } from '../../core/refunds/refunds.driver.ts';
import { refundMachine } from '../../core/refunds/refunds.machine.ts';
import { defineRepair } from '../repair.ts';

/** R8: nothing outside was asked yet. Continue to marketing (R12), or to the channel (R9). */
export default defineRepair({
  id: 'refund-r8',
  title: 'refunds before marketing and channel',
  machine: refundMachine,
  states: ['R8'],
  driver: refundDriver,
});
