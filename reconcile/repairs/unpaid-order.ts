import { orderDriver } from '../../core/orders/orders.driver.ts';
import { orderMachine } from '../../core/orders/orders.machine.ts';
import { defineRepair } from '../repair.ts';

/**
 * O0 past its deadline, or with a cancel intent: bring the live attempt to its end, then close the order and give back
 * stock and coupon.
 */
export default defineRepair({
  id: 'unpaid-order',
  title: 'unpaid orders past their deadline or to be cancelled',
  machine: orderMachine,
  states: ['O0'],
  driver: orderDriver,
});
