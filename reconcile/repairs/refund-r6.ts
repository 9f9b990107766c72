import { afterSalesDriver } from '../../core/aftersales/aftersales.driver.ts';
import { refundMachine } from '../../core/refunds/refunds.machine.ts';
import { defineRepair } from '../repair.ts';

/** R6: the goods are here. Continue to marketing (R12), to the channel (R9), or send the replacement of an exchange. */
export default defineRepair({
  id: 'refund-r6',
  title: 'refunds whose goods are back',
  machine: refundMachine,
  states: ['R6'],
  driver: afterSalesDriver,
});
