import { afterSalesDriver } from '../../core/aftersales/aftersales.driver.ts';
import { refundMachine } from '../../core/refunds/refunds.machine.ts';
import { defineRepair } from '../repair.ts';

/** R2: where are the goods? Parcels that hold some are asked to be given up; then on to the return (R4) or the money (R8). */
export default defineRepair({
  id: 'refund-r2',
  title: 'refunds whose goods are to be placed',
  machine: refundMachine,
  states: ['R2'],
  driver: afterSalesDriver,
});
