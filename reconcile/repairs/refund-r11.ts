import { refundDriver } from '../../core/refunds/refunds.driver.ts';
import { refundMachine } from '../../core/refunds/refunds.machine.ts';
import { defineRepair } from '../repair.ts';

/** R11: the channel refused. Hand over to a person (R15). */
export default defineRepair({
  id: 'refund-r11',
  title: 'refunds the channel refused',
  machine: refundMachine,
  states: ['R11'],
  driver: refundDriver,
});
