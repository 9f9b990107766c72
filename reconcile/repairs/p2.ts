import { paymentDriver } from '../../core/payments/payments.driver.ts';
import { paymentMachine } from '../../core/payments/payments.machine.ts';
import { defineRepair } from '../repair.ts';

/**
 * P2: marketing may or may not have been reached. Ask it: deducted → P4; no record → `deduct` again under the same key,
 * or with a cancel intent `rollback`, whose tombstone lets the attempt end at P10; an explicit no → P3.
 */
export default defineRepair({
  id: 'p2',
  title: 'attempts whose marketing answer is missing',
  machine: paymentMachine,
  states: ['P2'],
  driver: paymentDriver,
});
