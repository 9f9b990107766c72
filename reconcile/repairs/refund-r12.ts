import { refundDriver } from '../../core/refunds/refunds.driver.ts';
import { refundMachine } from '../../core/refunds/refunds.machine.ts';
import { defineRepair } from '../repair.ts';

/** R12: marketing is giving back its part; go on when it has acknowledged. */
export default defineRepair({
  id: 'refund-r12',
  title: 'refunds waiting for marketing',
  machine: refundMachine,
  states: ['R12'],
  driver: refundDriver,
});
