import { paymentDriver } from '../../core/payments/payments.driver.ts';
import { paymentMachine } from '../../core/payments/payments.machine.ts';
import { defineRepair } from '../repair.ts';

/** P0: the attempt was written and its process died before P1. Nothing was asked: continue. */
export default defineRepair({
  id: 'p0',
  title: 'pay was pressed and nothing followed',
  machine: paymentMachine,
  states: ['P0'],
  driver: paymentDriver,
});
