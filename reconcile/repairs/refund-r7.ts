import { afterSalesDriver } from '../../core/aftersales/aftersales.driver.ts';
import { refundMachine } from '../../core/refunds/refunds.machine.ts';
import { defineRepair } from '../repair.ts';

/** R7: the return failed. A person decides: R15. */
export default defineRepair({
  id: 'refund-r7',
  title: 'refunds whose goods did not come back',
  machine: refundMachine,
  states: ['R7'],
  driver: afterSalesDriver,
});
