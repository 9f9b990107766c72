import { rollbackDriver } from '../../core/marketing/deductions.ts';
import { deductionMachine } from '../../core/payments/payments.machine.ts';
import { defineRepair } from '../repair.ts';

/** A coupon that marketing must give back: ask until it acknowledges. */
export default defineRepair({
  id: 'rollback-pending',
  title: 'marketing resources to be given back',
  machine: deductionMachine,
  states: ['ROLLBACK_PENDING'],
  driver: rollbackDriver,
});
