import { callbackDriver } from '../../core/callbacks/callbacks.ts';
import { callbackMachine } from '../../core/payments/payments.machine.ts';
import { defineRepair } from '../repair.ts';

/** A verified callback that could not be applied when it came. */
export default defineRepair({
  id: 'callback-stored',
  title: 'callbacks that were stored and not applied',
  machine: callbackMachine,
  states: ['STORED'],
  driver: callbackDriver,
});
