import { refundDriver } from '../../core/refunds/refunds.driver.ts';
import { refundMachine } from '../../core/refunds/refunds.machine.ts';
import { defineRepair } from '../repair.ts';

/** R13: marketing has given back its part, the channel was not asked yet. Continue to R9, or to R10 with no cash part. */
export default defineRepair({
  id: 'refund-r13',
  title: 'refunds before the channel',
  machine: refundMachine,
  states: ['R13'],
  driver: refundDriver,
});
