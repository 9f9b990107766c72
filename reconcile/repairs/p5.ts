import { paymentDriver } from '../../core/payments/payments.driver.ts';
import { paymentMachine } from '../../core/payments/payments.machine.ts';
import { defineRepair } from '../repair.ts';

/**
 * P5: the channel may or may not have been reached. Ask it: accepted → P7; paid → P8; no record → `init` again under the
 * same number, or with a cancel intent `close`, whose tombstone lets the attempt end; an explicit no → P6.
 */
export default defineRepair({
  id: 'p5',
  title: 'attempts whose channel answer is missing',
  machine: paymentMachine,
  states: ['P5'],
  driver: paymentDriver,
});
