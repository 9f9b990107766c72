import { afterSalesDriver } from '../../core/aftersales/aftersales.driver.ts';
import { refundMachine } from '../../core/refunds/refunds.machine.ts';
import { defineRepair } from '../repair.ts';

/** R5: the callback may be lost. Ask the fulfilment service: received → R6, failed → R7. */
export default defineRepair({
  id: 'refund-r5',
  title: 'returns under way',
  machine: refundMachine,
  states: ['R5'],
  driver: afterSalesDriver,
});
