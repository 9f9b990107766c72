import { paymentDriver } from '../../core/payments/payments.driver.ts';
import { paymentMachine } from '../../core/payments/payments.machine.ts';
import { defineRepair } from '../repair.ts';

/** P4: marketing is done, the channel was not asked yet. Continue to P5, or with a cancel intent roll back to P10. */
export default defineRepair({
  id: 'p4',
  title: 'attempts before the channel',
  machine: paymentMachine,
  states: ['P4'],
  driver: paymentDriver,
});
