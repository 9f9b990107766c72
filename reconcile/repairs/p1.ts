import { paymentDriver } from '../../core/payments/payments.driver.ts';
import { paymentMachine } from '../../core/payments/payments.machine.ts';
import { defineRepair } from '../repair.ts';

/** P1: nothing outside was asked yet. Continue to P2, or with a cancel intent or past its time end at P10 / P11. */
export default defineRepair({
  id: 'p1',
  title: 'attempts before marketing',
  machine: paymentMachine,
  states: ['P1'],
  driver: paymentDriver,
});
