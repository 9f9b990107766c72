import { afterSalesDriver } from '../../core/aftersales/aftersales.driver.ts';
import { refundMachine } from '../../core/refunds/refunds.machine.ts';
import { defineRepair } from '../repair.ts';

/** R4: the fulfilment service may or may not have been reached. Ask it by the return's number; no record → ask again under the same number. */
export default defineRepair({
  id: 'refund-r4',
  title: 'returns whose answer is missing',
  machine: refundMachine,
  states: ['R4'],
  driver: afterSalesDriver,
});
