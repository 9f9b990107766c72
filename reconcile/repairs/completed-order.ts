import { orderDriver } from '../../core/orders/orders.driver.ts';
import { orderMachine } from '../../core/orders/orders.machine.ts';
import { defineRepair } from '../repair.ts';

/** O2, O3, O4 → O5 when the days for complaints are over. */
export default defineRepair({
  id: 'completed-order',
  title: 'orders whose last days are over',
  machine: orderMachine,
  states: ['O2', 'O3', 'O4'],
  driver: orderDriver,
});
