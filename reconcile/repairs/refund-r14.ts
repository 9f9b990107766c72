import { refundDriver } from '../../core/refunds/refunds.driver.ts';
import { refundMachine } from '../../core/refunds/refunds.machine.ts';
import { defineRepair } from '../repair.ts';

/** R14: marketing refused. Hand over to a person (R15). */
export default defineRepair({
  id: 'refund-r14',
  title: 'refunds marketing refused',
  machine: refundMachine,
  states: ['R14'],
  driver: refundDriver,
});
