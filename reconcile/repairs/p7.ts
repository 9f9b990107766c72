import { paymentDriver } from '../../core/payments/payments.driver.ts';
import { paymentMachine } from '../../core/payments/payments.machine.ts';
import { defineRepair } from '../repair.ts';

/**
 * P7: the callback may be lost. Ask the channel: paid, failed, cancelled → P8, P9, P10; open past its time → `close`,
 * and only the channel's acknowledgement makes it P11.
 */
export default defineRepair({
  id: 'p7',
  title: 'attempts the shopper is paying',
  machine: paymentMachine,
  states: ['P7'],
  driver: paymentDriver,
});
